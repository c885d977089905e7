/* The vhost-user connection of the vsock device: negotiation, pause and reboot, front-ends that come back, that make
 * mistakes, or that mean harm. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tap.h"
#include "vhost_user.h"
#include "vsock_driver.h"

enum { NEED_REPLY = 8 };

static uint8_t payload[65536];
static const struct drv_options plain = { .event_idx = true };

static int open_from_host(struct drv *d, struct vsock_header *g)
{
	int fd = host_connect(d, "guest.000003e8", SOCK_STREAM);
	struct vsock_header h;

	if (fd < 0 || !drv_receive(d, &h, payload) || h.op != VSOCK_OP_REQUEST)
		return -1;
	*g = drv_header(1000, h.src_port, VSOCK_OP_RESPONSE);
	drv_packet(d, g, NULL);
	g->op = VSOCK_OP_RW;
	return fd;
}

static bool talks(struct drv *d, int fd, struct vsock_header *g)
{
	struct vsock_header h;
	char text[5] = { 0 };

	g->op = VSOCK_OP_RW;
	g->len = 4;
	if (!drv_packet(d, g, "ping") || host_read(d, fd, text, 4) != 4 || strcmp(text, "ping") != 0)
		return false;
	g->len = 0;
	return send(fd, "pong", 4, MSG_NOSIGNAL) == 4 && drv_receive(d, &h, payload) && h.op == VSOCK_OP_RW &&
		h.len == 4;
}

static void test_negotiation(void)
{
	struct drv d;
	uint64_t f;
	uint32_t ask[3 + 64] = { 0, 8, 0 }, answer[3 + 64];
	uint64_t cid = 0;

	drv_open(&d, "1000");
	f = drv_ask_u64(&d, VHOST_USER_GET_FEATURES);
	ok(f & VIRTIO_F_VERSION_1 && f & VIRTIO_F_RING_PACKED && f & VSOCK_F_SEQPACKET &&
		   f & VHOST_USER_F_PROTOCOL_FEATURES,
	   "features offered");
	f = drv_ask_u64(&d, VHOST_USER_GET_PROTOCOL_FEATURES);
	ok(f & VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS && f & VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD,
	   "protocol features");
	ok(drv_ask_u64(&d, VHOST_USER_GET_QUEUE_NUM) == 3, "three queues");
	ok(drv_ask_u64(&d, VHOST_USER_GET_MAX_MEM_SLOTS) == GUEST_REGIONS_MAX, "memory slots");
	drv_send(&d, VHOST_USER_GET_CONFIG, 0, ask, 12 + 8, NULL, 0);
	ok(drv_reply(&d, answer, sizeof(answer), NULL) == 20, "configuration");
	memcpy(&cid, answer + 3, 8);
	ok(cid == GUEST_CID, "is the cid");
	ask[0] = 300;
	drv_send(&d, VHOST_USER_GET_CONFIG, 0, ask, 12 + 8, NULL, 0);
	ok(drv_reply(&d, answer, sizeof(answer), NULL) == 0, "beyond it: an empty answer");
	drv_send_u64(&d, VHOST_USER_SET_STATUS, 0xf);
	ok(drv_ask_u64(&d, VHOST_USER_GET_STATUS) == 0xf, "status is kept");
	drv_close(&d);
}

static void test_pause(void)
{
	struct vsock_header g, h;
	struct drv d;
	uint32_t base[2];
	int fd, other, packed;

	for (packed = 0; packed < 2; packed++) {
		struct drv_options o = { .packed = packed, .event_idx = true };

		drv_open(&d, "1000,1001");
		drv_start(&d, &o);
		fd = open_from_host(&d, &g);
		ok(talks(&d, fd, &g), "before the pause");
		drv_stop(&d, base);
		ok(send(fd, "pong", 4, MSG_NOSIGNAL) == 4, "the host writes meanwhile");
		other = host_connect(&d, "guest.000003e9", SOCK_STREAM);
		ok(!host_eof(&d, other), "and a new client waits");
		drv_resume(&d, base);
		ok(drv_receive(&d, &h, payload) && drv_receive(&d, &h, payload), "both arrive");
		drv_packet(&d,
			   &(struct vsock_header){ .src_cid = GUEST_CID,
						   .dst_cid = 2,
						   .src_port = 1001,
						   .dst_port = h.op == VSOCK_OP_REQUEST ? h.src_port : g.dst_port + 1,
						   .type = 1,
						   .op = VSOCK_OP_RST },
			   NULL);
		ok(talks(&d, fd, &g), "after the pause");
		ok(host_eof(&d, other), "a refusal after the pause");
		close(other);
		close(fd);
		drv_close(&d);
	}
}

static void test_reboot(void)
{
	struct vsock_header g;
	struct drv d;
	uint32_t base[2];
	int fd;

	drv_open(&d, "1000");
	drv_start(&d, &plain);
	fd = open_from_host(&d, &g);
	ok(talks(&d, fd, &g), "before the reboot");
	drv_stop(&d, base);
	drv_start(&d, &plain);
	ok(host_eof(&d, fd) && d.dev->conns.total == 0, "a guest that boots again ends the connections");
	close(fd);
	fd = open_from_host(&d, &g);
	ok(talks(&d, fd, &g), "and takes new ones");
	drv_send(&d, VHOST_USER_RESET_DEVICE, 0, NULL, 0, NULL, 0);
	ok(host_eof(&d, fd), "RESET_DEVICE ends them, too");
	close(fd);
	drv_close(&d);
}

static void test_reconnect(void)
{
	struct vsock_header g, h;
	struct drv d;
	int fd, i;

	drv_open(&d, "1000");
	for (i = 0; i < 3; i++) {
		drv_start(&d, &plain);
		fd = open_from_host(&d, &g);
		ok(fd >= 0 && talks(&d, fd, &g), "front-end %d", i);
		drv_reconnect(&d);
		ok(host_eof(&d, fd) && d.dev->conns.total == 0 && d.dev->queues[VSOCK_RX] == NULL,
		   "gone, and all connections with it");
		close(fd);
		fd = host_connect(&d, "guest.000003e8", SOCK_STREAM);
		ok(host_eof(&d, fd), "without a front-end clients are refused");
		close(fd);
	}

	/* Another front-end finds rings that were used by a device that is gone: the guest is told, by event or by RST.
	 */
	drv_start(&d, &plain);
	fd = open_from_host(&d, &g);
	talks(&d, fd, &g);
	close(fd);
	drv_receive(&d, &h, payload);
	drv_reconnect(&d);
	drv_send_u64(&d, VHOST_USER_SET_FEATURES, d.features);
	drv_memory(&d, false);
	drv_ring_alloc(&d, VSOCK_EVENT, 4, 1);
	uint64_t at = drv_alloc(&d, 4, 4);

	memset(d.memory + at, 0xff, 4);
	drv_add(&d, &d.rings[VSOCK_EVENT], 0, &(struct drv_piece){ at, 4, true }, 1);
	drv_ring_setup(&d, VSOCK_RX, drv_used_base(&d, VSOCK_RX));
	drv_ring_setup(&d, VSOCK_TX, drv_used_base(&d, VSOCK_TX));
	drv_ring_setup(&d, VSOCK_EVENT, 0);
	pump(&d);
	uint16_t id;
	uint32_t len;

	ok(drv_used(&d, &d.rings[VSOCK_EVENT], &id, &len) && len == 4 && d.memory[at] == 0 && d.memory[at + 3] == 0,
	   "TRANSPORT_RESET in the event queue");
	g.len = 0;
	g.op = VSOCK_OP_RW;
	drv_packet(&d, &g, NULL);
	ok(drv_receive(&d, &h, payload) && h.op == VSOCK_OP_RST, "and RST for packets of old connections");
	fd = open_from_host(&d, &g);
	ok(talks(&d, fd, &g), "new connections work");
	close(fd);
	drv_close(&d);
}

/* Requests that cannot be done: with an answer asked for, the answer is 1 and life goes on; without, the connection
 * ends; and the device takes the next front-end. */
static void test_mistakes(void)
{
	static const uint32_t queue_9[2] = { 9, 1 }, num_0[2] = { 0, 0 }, num_big[2] = { 0, 70000 };
	static const uint64_t region_long[5] = { 0, 0, 1 << 30, 0, 0 },
			      region_wrap[5] = { 0, UINT64_MAX - 10, 4096, 0, 0 }, region_none[5] = { 0, 0, 0, 0, 0 },
			      region_offset[5] = { 0, 0, 4096, 0, UINT64_MAX - 100 },
			      region_unknown[5] = { 0, 0x123000, 4096, 0, 0 }, no_fd[1] = { 0x100 };
	static const uint64_t platform = UINT64_C(1) << 33, unknown = UINT64_C(1) << 60;
	static const uint8_t inflight[24] = { [16] = 2, [18] = 128 };
	static const uint32_t config[5] = { 0, 8, 0 };
	static const struct {
		const char *name;
		uint32_t request;
		const void *payload;
		uint32_t size;
		bool fd;
	} rows[] = {
		{ "enable queue 9", VHOST_USER_SET_VRING_ENABLE, queue_9, 8, false },
		{ "ring of 0", VHOST_USER_SET_VRING_NUM, num_0, 8, false },
		{ "ring of 70000", VHOST_USER_SET_VRING_NUM, num_big, 8, false },
		{ "region longer than its file", VHOST_USER_ADD_MEM_REG, region_long, 40, true },
		{ "region that wraps around", VHOST_USER_ADD_MEM_REG, region_wrap, 40, true },
		{ "region of nothing", VHOST_USER_ADD_MEM_REG, region_none, 40, true },
		{ "region whose offset overflows", VHOST_USER_ADD_MEM_REG, region_offset, 40, true },
		{ "region that is not there", VHOST_USER_REM_MEM_REG, region_unknown, 40, false },
		{ "kick without descriptor", VHOST_USER_SET_VRING_KICK, no_fd, 8, false },
		{ "feature not offered", VHOST_USER_SET_FEATURES, &platform, 8, false },
		{ "protocol feature not offered", VHOST_USER_SET_PROTOCOL_FEATURES, &unknown, 8, false },
		{ "in-flight record of no size", VHOST_USER_SET_INFLIGHT_FD, inflight, 24, true },
		{ "write to the configuration", VHOST_USER_SET_CONFIG, config, 20, false },
		{ "request 99", 99, NULL, 0, false },
	};
	struct drv d;
	size_t i;
	uint64_t answer;

	drv_open(&d, "1000");
	for (i = 0; i < array_len(rows); i++) {
		drv_send_u64(&d, VHOST_USER_SET_PROTOCOL_FEATURES, VHOST_USER_PROTOCOL_F_REPLY_ACK);
		drv_send(&d, rows[i].request, NEED_REPLY, rows[i].payload, rows[i].size, &d.memfd, rows[i].fd);
		answer = 0;
		ok(drv_reply(&d, &answer, 8, NULL) == 8 && answer == 1 && drv_connected(&d),
		   "%s: answered with an error", rows[i].name);
		drv_send(&d, rows[i].request, 0, rows[i].payload, rows[i].size, &d.memfd, rows[i].fd);
		ok(drv_connected(&d) == (rows[i].request == 99), "%s, without an answer", rows[i].name);
		drv_reconnect(&d);
	}
	drv_start(&d, &plain);
	ok(d.dev->queues[VSOCK_TX] != NULL, "the device is as good as new");
	drv_close(&d);
}

static void test_malformed(void)
{
	static const struct {
		const char *name;
		uint32_t header[3];
		size_t extra; /* bytes that follow */
		size_t fds;
	} rows[] = {
		{ "another version", { 1, 2, 0 }, 0, 0 },
		{ "a reply", { 1, 5, 0 }, 0, 0 },
		{ "payload of 4 GiB", { 2, 1, 0xffffffff }, 0, 0 },
		{ "payload too short", { 2, 1, 4 }, 4, 0 },
		{ "payload too long", { 2, 1, 16 }, 16, 0 },
		{ "payload where there is none", { 1, 1, 8 }, 8, 0 },
		{ "descriptors where there are none", { 3, 1, 0 }, 0, 2 },
		{ "more descriptors than any message has", { 3, 1, 0 }, 0, 12 },
		{ "memory table without descriptors", { 5, 1, 40 }, 40, 0 },
	};
	struct drv d;
	size_t i;

	drv_open(&d, "1000");
	for (i = 0; i < array_len(rows); i++) {
		uint8_t bytes[12 + 64] = { 0 };
		struct iovec iov = { bytes, 12 + rows[i].extra };
		union {
			char bytes[CMSG_SPACE(sizeof(int) * 16)];
			struct cmsghdr align;
		} control = { { 0 } };
		struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
		size_t j;

		memcpy(bytes, rows[i].header, 12);
		bytes[12] = rows[i].header[0] == 5; /* one region */
		if (rows[i].fds > 0) {
			struct cmsghdr *c;

			m.msg_control = control.bytes;
			m.msg_controllen = CMSG_SPACE(sizeof(int) * rows[i].fds);
			c = CMSG_FIRSTHDR(&m);
			c->cmsg_len = CMSG_LEN(sizeof(int) * rows[i].fds);
			c->cmsg_level = SOL_SOCKET;
			c->cmsg_type = SCM_RIGHTS;
			for (j = 0; j < rows[i].fds; j++)
				memcpy(CMSG_DATA(c) + j * sizeof(int), &d.memfd, sizeof(int));
		}
		ok(sendmsg(d.vhost, &m, 0) > 0 && !drv_connected(&d), "%s: the connection ends", rows[i].name);
		drv_reconnect(&d);
	}

	/* A byte at a time is fine. */
	uint32_t header[3] = { VHOST_USER_GET_FEATURES, 1, 0 };
	uint64_t answer = 0;

	for (i = 0; i < sizeof(header); i++) {
		send(d.vhost, (char *)header + i, 1, 0);
		pump(&d);
	}
	ok(drv_reply(&d, &answer, 8, NULL) == 8 && answer & VIRTIO_F_VERSION_1, "a message in twelve pieces");

	/* One that asks and never listens. */
	for (i = 0; i < 5000; i++) {
		if (send(d.vhost, header, sizeof(header), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno != EAGAIN)
			break;
		pump(&d);
	}
	ok(!drv_connected(&d), "a front-end that does not read answers is dropped");
	drv_reconnect(&d);
	ok(drv_ask_u64(&d, VHOST_USER_GET_QUEUE_NUM) == 3, "and the next one served");
	drv_close(&d);
}

static void test_memory_gone(void)
{
	static const uint32_t nothing[2] = { 0, 0 };
	struct vsock_header g;
	struct drv d;
	int fd;

	drv_open(&d, "1000");
	drv_start(&d, &plain);
	fd = open_from_host(&d, &g);
	drv_send(&d, VHOST_USER_SET_MEM_TABLE, 0, nothing, sizeof(nothing), NULL, 0);
	ok(d.dev->queues[VSOCK_RX] == NULL, "rings whose memory is gone stop");
	ok(drv_connected(&d), "and nothing else");
	close(fd);
	drv_reconnect(&d);
	drv_start(&d, &(struct drv_options){ .slots = true });
	fd = open_from_host(&d, &g);
	ok(talks(&d, fd, &g), "memory slots");
	uint64_t region[5] = { 0, 0, DRV_MEMORY / 2, DRV_USER, 0 };

	drv_send(&d, VHOST_USER_REM_MEM_REG, 0, region, sizeof(region), NULL, 0);
	ok(d.dev->queues[VSOCK_RX] == NULL && drv_connected(&d), "a slot that is removed takes its rings along");
	close(fd);
	drv_close(&d);
}

/* The record goes to the front-end and comes back to another device. */
static void test_inflight(void)
{
	struct vsock_header g, h;
	uint8_t ask[24] = { [16] = 2, [18] = 128 }, answer[24];
	uint64_t size;
	struct drv d;
	int fd, record, i;

	drv_open(&d, "1000");
	for (i = 0; i < 2; i++) {
		struct drv_options o = { .packed = i == 1, .event_idx = true };

		drv_send(&d, VHOST_USER_GET_INFLIGHT_FD, 0, ask, sizeof(ask), NULL, 0);
		ok(drv_reply(&d, answer, sizeof(answer), &record) == sizeof(answer) && record >= 0,
		   "an in-flight record");
		memcpy(&size, answer, 8);
		ok(size >= 2 * virtqueue_inflight_size(true, 128) && lseek(record, 0, SEEK_END) == (off_t)size,
		   "of its size");
		drv_send(&d, VHOST_USER_SET_INFLIGHT_FD, 0, answer, sizeof(answer), &record, 1);
		drv_start(&d, &o);
		fd = open_from_host(&d, &g);
		ok(talks(&d, fd, &g) && talks(&d, fd, &g), "rings work with it");
		close(fd);
		drv_receive(&d, &h, payload);
		drv_reconnect(&d); /* without stopping the rings, as if the device had died */
		drv_send_u64(&d, VHOST_USER_SET_FEATURES, d.features);
		drv_memory(&d, false);
		drv_send(&d, VHOST_USER_SET_INFLIGHT_FD, 0, answer, sizeof(answer), &record, 1);
		drv_ring_setup(&d, VSOCK_RX, i ? 0x80008000 : 0); /* wrong: the record knows better */
		drv_ring_setup(&d, VSOCK_TX, i ? 0x80008000 : 0);
		fd = open_from_host(&d, &g);
		ok(fd >= 0 && talks(&d, fd, &g), "%s rings go on where the record says", i ? "packed" : "split");
		close(fd);
		close(record);
		drv_reconnect(&d);
	}
	drv_close(&d);
}

int main(void)
{
	test_negotiation();
	test_pause();
	test_reboot();
	test_reconnect();
	test_mistakes();
	test_malformed();
	test_memory_gone();
	test_inflight();
	return tap_done();
}
