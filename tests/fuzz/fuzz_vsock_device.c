/* The whole device with a hostile guest: the input is the memory of the guest with all three rings in it, and what the
 * host's ends do in between. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "device.h"

enum { MEMORY = 16384, RING = 32, ENDS = 8 };

static struct vsock_device dev;
static int ends[ENDS], end_count;

static enum dial dial(void *data, uint32_t host_port, uint16_t type, int *fd)
{
	int pair[2];

	(void)data;
	if (host_port % 4 == 0)
		return DIAL_REFUSED;
	if (host_port % 4 == 1)
		return DIAL_LATER;
	if (end_count == ENDS ||
	    socketpair(AF_UNIX, (type == VSOCK_SEQPACKET ? SOCK_SEQPACKET : SOCK_STREAM) | SOCK_NONBLOCK, 0, pair) < 0)
		return DIAL_REFUSED;
	ends[end_count++] = pair[0];
	*fd = pair[1];
	return DIAL_DONE;
}

static void notify(void *data, enum vsock_queue q)
{
	(void)data;
	(void)q;
}

static void broken(void *data, enum vsock_queue q, const char *why)
{
	(void)data;
	(void)q;
	(void)why;
}

/* A host client for guest port 7, or something that one of the host's ends does. */
static void host_acts(uint8_t byte)
{
	static char bytes[256 * 20];
	int pair[2], *end = &ends[(byte >> 3) % ENDS];

	switch (byte & 7) {
	case 0:
		if (end_count < ENDS && socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0) {
			ends[end_count++] = pair[0];
			device_connect(&dev,
				       &(struct conns_client){ pair[1], 7, byte & 8 ? VSOCK_SEQPACKET : VSOCK_STREAM,
							       false });
		}
		break;
	case 1:
		shutdown(*end, SHUT_WR);
		break;
	case 2:
		close(*end);
		*end = -1;
		break;
	case 3:
		shutdown(*end, SHUT_RD);
		break;
	case 4:
		if (recv(*end, bytes, sizeof(bytes), MSG_DONTWAIT) < 0)
			break;
		break;
	default:
		if (send(*end, bytes, (size_t)byte * 20, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			break;
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct loop *loop;
	struct guest_memory memory = { 0 };
	struct virtqueue vq[VSOCK_QUEUES] = { { 0 } };
	uint8_t *mem;
	int i, j;

	if (size < 40)
		return 0;
	mem = aligned_alloc(4096, MEMORY);
	memset(mem, 0, MEMORY);
	memcpy(mem, data + 32, size - 32 < MEMORY ? size - 32 : MEMORY);
	guest_memory_add(&memory, &(struct guest_region){ 0, 0, MEMORY, mem, NULL, 0 }, NULL);
	memset(ends, -1, sizeof(ends));
	end_count = 0;
	loop = loop_new(NULL);
	dev = (struct vsock_device){
		.conns = { .loop = loop, .cid = 3, .dial = dial }, .poll_us = 200, .notify = notify, .broken = broken
	};
	device_init(&dev, NULL);
	for (i = 0; i < VSOCK_QUEUES; i++) {
		struct virtqueue_layout l = {
			.size = RING,
			.desc = (uint64_t)i * 2048,
			.driver = (uint64_t)i * 2048 + 16 * RING,
			.device = (uint64_t)i * 2048 + 16 * RING + 128,
			.features = (data[0] & 1 ? VIRTIO_F_RING_PACKED : 0) |
				(data[0] & 2 ? VIRTIO_F_RING_EVENT_IDX : 0) |
				(data[0] & 4 ? VIRTIO_F_RING_INDIRECT : 0),
			.base = data[0] & 1 ? 0x80008000 : 0,
		};

		if (virtqueue_start(&vq[i], &memory, &l, NULL) == 0)
			device_ring(&dev, (enum vsock_queue)i, &vq[i]);
	}
	if (data[0] & 8)
		device_lost(&dev);
	for (i = 1; i < 32; i++) {
		for (j = 0; j < 3; j++)
			loop_once(loop, 0, NULL);
		host_acts(data[i]);
		device_wake(&dev);
	}
	if (data[0] & 16)
		device_reset(&dev);
	loop_once(loop, 0, NULL);
	device_free(&dev);
	for (i = 0; i < VSOCK_QUEUES; i++)
		virtqueue_stop(&vq[i]);
	for (i = 0; i < ENDS; i++)
		if (ends[i] >= 0)
			close(ends[i]);
	loop_free(loop);
	free(mem);
	return 0;
}
