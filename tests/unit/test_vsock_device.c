/* The vsock device: every state of a connection, credit, half-close, refusals, guests that break rules. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tap.h"
#include "vsock_driver.h"

static uint8_t payload[65536], big[1 << 20];

static const struct drv_options plain = { 0 };

static bool got(struct drv *d, uint16_t op, struct vsock_header *h)
{
	return drv_receive(d, h, payload) && h->op == op;
}

static bool nothing(struct drv *d)
{
	struct vsock_header h;

	return !drv_receive(d, &h, payload);
}

/* A host client's connection to the guest's port 1000, accepted. Its header for the guest's packets in *g. */
static int open_from_host(struct drv *d, struct vsock_header *g)
{
	int fd = host_connect(d, "guest.000003e8", SOCK_STREAM);
	struct vsock_header h;

	if (fd < 0 || !got(d, VSOCK_OP_REQUEST, &h) || h.dst_port != 1000)
		return -1;
	*g = drv_header(1000, h.src_port, VSOCK_OP_RESPONSE);
	drv_packet(d, g, NULL);
	g->op = VSOCK_OP_RW;
	return fd;
}

/* The guest's connection to host port 5, accepted; the host's end. */
static int open_from_guest(struct drv *d, struct vsock_header *g, uint32_t guest_port)
{
	int listener = host_listen(d, "00000002.00000005", SOCK_STREAM, 4), fd;
	struct vsock_header h;

	*g = drv_header(guest_port, 5, VSOCK_OP_REQUEST);
	drv_packet(d, g, NULL);
	fd = got(d, VSOCK_OP_RESPONSE, &h) ? accept4(listener, NULL, NULL, SOCK_NONBLOCK) : -1;
	close(listener); /* its file stays; another listener replaces it */
	g->op = VSOCK_OP_RW;
	return fd;
}

static bool guest_says(struct drv *d, struct vsock_header *g, const char *text)
{
	g->op = VSOCK_OP_RW;
	g->len = (uint32_t)strlen(text);
	bool r = drv_packet(d, g, text);

	g->len = 0;
	return r;
}

static void guest_op(struct drv *d, struct vsock_header *g, uint16_t op, uint32_t flags)
{
	g->op = op;
	g->flags = flags;
	drv_packet(d, g, NULL);
	g->flags = 0;
	g->op = VSOCK_OP_RW;
}

static bool host_says(struct drv *d, int fd, const char *text)
{
	bool r = send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text);

	pump(d);
	return r;
}

static bool guest_hears(struct drv *d, const char *text)
{
	struct vsock_header h;

	return got(d, VSOCK_OP_RW, &h) && h.len == strlen(text) && memcmp(payload, text, h.len) == 0;
}

static bool host_hears(struct drv *d, int fd, const char *text)
{
	char buffer[256];

	return host_read(d, fd, buffer, strlen(text)) == strlen(text) && memcmp(buffer, text, strlen(text)) == 0;
}

/* --- both directions, each end first ---------------------------------------------------------------------------- */

static void test_rings(void)
{
	static const struct {
		const char *name;
		struct drv_options o;
	} rows[] = {
		{ "split ring", { 0 } },
		{ "split ring, event index", { .event_idx = true } },
		{ "split ring, indirect", { .indirect = true, .event_idx = true } },
		{ "packed ring", { .packed = true } },
		{ "packed ring, event index", { .packed = true, .event_idx = true } },
		{ "packed ring, indirect", { .packed = true, .indirect = true, .event_idx = true } },
		{ "packed ring of 6", { .packed = true, .ring_size = 6, .event_idx = true } },
		{ "split ring of 4", { .ring_size = 4, .event_idx = true } },
		{ "memory slots", { .slots = true } },
		{ "receive buffers in pieces", { .rx_split = true } },
		{ "receive buffers in pieces, packed", { .rx_split = true, .packed = true } },
		{ "receive buffers of 64 KiB", { .rx_size = 65580, .ring_size = 16 } },
		{ "receive buffers just above a header", { .rx_size = 45 } },
	};
	size_t i;

	for (i = 0; i < array_len(rows); i++) {
		struct vsock_header g, h;
		struct drv d;
		int fd, n;
		bool good = true;

		drv_open(&d, "1000");
		drv_start(&d, &rows[i].o);
		fd = open_from_host(&d, &g);
		ok(fd >= 0, "%s: host connects to guest", rows[i].name);
		for (n = 0; n < 300 && good; n++) { /* several laps of the ring */
			char text[32];

			snprintf(text, sizeof(text), "message %d", n);
			good = guest_says(&d, &g, text) && host_hears(&d, fd, text);
			snprintf(text, sizeof(text), rows[i].o.rx_size == 45 ? "%c" : "to guest %c", 'a' + n % 26);
			good = good && host_says(&d, fd, text) && guest_hears(&d, text);
			g.fwd_cnt += (uint32_t)strlen(text);
		}
		ok(good, "%s: %d messages each way", rows[i].name, n);
		close(fd);
		ok(got(&d, VSOCK_OP_SHUTDOWN, &h) && h.flags == VSOCK_SHUT_BOTH, "%s: host's close arrives",
		   rows[i].name);
		drv_close(&d);
	}
}

static void test_half_close(void)
{
	struct vsock_header g, h;
	struct drv d;
	int fd;

	drv_open(&d, "1000");
	drv_start(&d, &plain);

	fd = open_from_host(&d, &g);
	host_says(&d, fd, "question");
	shutdown(fd, SHUT_WR);
	ok(guest_hears(&d, "question"), "bytes before the end of file");
	ok(got(&d, VSOCK_OP_SHUTDOWN, &h) && h.flags == VSOCK_SHUT_SEND, "host's half-close reaches the guest as SEND");
	ok(guest_says(&d, &g, "answer") && host_hears(&d, fd, "answer"), "the other direction still works");
	guest_op(&d, &g, VSOCK_OP_SHUTDOWN, VSOCK_SHUT_SEND);
	ok(host_eof(&d, fd), "guest's half-close is end of file at the host");
	ok(got(&d, VSOCK_OP_SHUTDOWN, &h) && h.flags == VSOCK_SHUT_BOTH,
	   "both halves closed: the guest hears that it is over");
	guest_op(&d, &g, VSOCK_OP_RST, 0);
	ok(d.dev->conns.total == 0, "nothing is left");
	close(fd);

	fd = open_from_host(&d, &g);
	guest_op(&d, &g, VSOCK_OP_SHUTDOWN, VSOCK_SHUT_BOTH);
	ok(got(&d, VSOCK_OP_RST, &h) && host_eof(&d, fd),
	   "guest's close is answered with RST, and end of file at the host");
	ok(d.dev->conns.total == 0, "nothing is left");
	close(fd);

	fd = open_from_host(&d, &g);
	guest_says(&d, &g, "question");
	guest_op(&d, &g, VSOCK_OP_SHUTDOWN, VSOCK_SHUT_SEND);
	ok(host_hears(&d, fd, "question") && host_eof(&d, fd), "guest first: bytes, then end of file");
	ok(host_says(&d, fd, "answer") && guest_hears(&d, "answer"), "guest first: the host still writes");
	close(fd);
	ok(got(&d, VSOCK_OP_SHUTDOWN, &h) && h.flags == VSOCK_SHUT_BOTH,
	   "guest first: host's close is SHUTDOWN of both");
	guest_op(&d, &g, VSOCK_OP_RST, 0);
	ok(d.dev->conns.total == 0, "guest first: nothing is left");

	fd = open_from_host(&d, &g);
	guest_op(&d, &g, VSOCK_OP_SHUTDOWN, VSOCK_SHUT_RECEIVE);
	ok(send(fd, "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE, "a guest that will not receive: EPIPE for the host");
	ok(guest_says(&d, &g, "more") && host_hears(&d, fd, "more"), "and it can still send");
	close(fd);
	drv_close(&d);
}

static void test_guest_to_host(void)
{
	struct vsock_header g, h;
	struct drv d;
	int fd, listener;

	drv_open(&d, "1000");
	drv_start(&d, &plain);
	fd = open_from_guest(&d, &g, 7000);
	ok(fd >= 0 && guest_says(&d, &g, "hello") && host_hears(&d, fd, "hello"), "guest connects to a host program");
	ok(host_says(&d, fd, "hi") && guest_hears(&d, "hi"), "which answers");
	guest_op(&d, &g, VSOCK_OP_SHUTDOWN, VSOCK_SHUT_BOTH);
	ok(got(&d, VSOCK_OP_RST, &h), "and closes");
	close(fd);

	g = drv_header(7001, 99, VSOCK_OP_REQUEST);
	drv_packet(&d, &g, NULL);
	ok(got(&d, VSOCK_OP_RST, &h) && h.dst_port == 7001 && h.src_port == 99, "no listener: RST");

	listener = host_listen(&d, "hybrid_77", SOCK_STREAM, 4);
	g = drv_header(7002, 77, VSOCK_OP_REQUEST);
	drv_packet(&d, &g, NULL);
	fd = accept(listener, NULL, NULL);
	ok(got(&d, VSOCK_OP_RESPONSE, &h) && fd >= 0, "hybrid socket's PATH_PORT is found");
	close(fd);
	close(listener);
	drv_close(&d);
}

static void test_refusals(void)
{
	struct vsock_header g, h;
	struct drv d;
	int fd;

	drv_open(&d, "1000");
	fd = host_connect(&d, "guest.000003e8", SOCK_STREAM);
	ok(fd >= 0 && host_eof(&d, fd), "before there is a driver, a client is refused at once");
	close(fd);
	drv_start(&d, &plain);

	fd = host_connect(&d, "guest.000003e8", SOCK_STREAM);
	ok(got(&d, VSOCK_OP_REQUEST, &h), "REQUEST");
	g = drv_header(1000, h.src_port, VSOCK_OP_RST);
	drv_packet(&d, &g, NULL);
	ok(host_eof(&d, fd) && d.dev->conns.total == 0, "refused by the guest: end of file");
	close(fd);

	g = drv_header(1234, 4321, VSOCK_OP_RW);
	drv_packet(&d, &g, NULL);
	ok(got(&d, VSOCK_OP_RST, &h) && h.dst_port == 1234 && h.src_port == 4321 && h.type == VSOCK_STREAM,
	   "a packet of no connection: RST");
	g.op = VSOCK_OP_RST;
	drv_packet(&d, &g, NULL);
	ok(nothing(&d), "a RST of no connection: silence");
	g = drv_header(1, 2, VSOCK_OP_REQUEST);
	g.dst_cid = 77;
	drv_packet(&d, &g, NULL);
	ok(got(&d, VSOCK_OP_RST, &h) && h.src_cid == 77, "another cid than the host's: RST");
	g = drv_header(1, 2, VSOCK_OP_REQUEST);
	g.type = 9;
	drv_packet(&d, &g, NULL);
	ok(got(&d, VSOCK_OP_RST, &h) && h.type == 9, "unknown type: RST");
	g = drv_header(1, 2, VSOCK_OP_REQUEST);
	g.src_cid = 8;
	drv_packet(&d, &g, NULL);
	ok(nothing(&d), "a stranger's cid: dropped");
	drv_close(&d);
}

/* --- credit ------------------------------------------------------------------------------------------------------- */

static void test_credit_of_host(void)
{
	struct vsock_header g, h;
	struct drv d;
	uint32_t sent = 0, alloc, rounds = 0, told = 0;
	size_t heard = 0;
	int fd;
	bool refused;

	drv_open(&d, "1000");
	drv_start(&d, &plain);
	fd = open_from_host(&d, &g);
	alloc = CREDIT_MAX;
	while (sent < alloc) {
		g.op = VSOCK_OP_RW;
		g.len = alloc - sent < 65536 ? alloc - sent : 65536;
		drv_packet(&d, &g, big);
		sent += g.len;
	}
	/* The host reads nothing: the guest may send what the kernel took beyond its first credit, and no more. */
	while (drv_receive(&d, &h, payload))
		if (h.op == VSOCK_OP_CREDIT_UPDATE)
			rounds++, told = h.fwd_cnt;
	ok(d.dev->conns.table.count == 1 && rounds <= 4, "a buffer full: the connection stands, with %u credit updates",
	   rounds);
	for (heard = 0; heard < sent;) {
		size_t n = host_read(&d, fd, big, sizeof(big));

		if (n == 0)
			break;
		heard += n;
	}
	ok(heard == sent, "the reader gets all %u bytes once it reads (%zu)", sent, heard);
	while (drv_receive(&d, &h, payload))
		if (h.op == VSOCK_OP_CREDIT_UPDATE)
			told = h.fwd_cnt;
	ok(alloc - (sent - told) >= alloc / 2, "and the guest knows that at least half of its buffer is free (%u)",
	   told);

	/* more than the credit */
	refused = false;
	for (sent = 0; sent < 4 * alloc && !refused; sent += g.len) {
		g.op = VSOCK_OP_RW;
		g.len = 65536;
		drv_packet(&d, &g, big);
		while (drv_receive(&d, &h, payload))
			refused |= h.op == VSOCK_OP_RST;
	}
	ok(refused, "a guest that ignores its credit is reset");
	close(fd);
	drv_close(&d);
}

static void test_credit_of_guest(void)
{
	struct vsock_header g, h;
	struct drv d;
	size_t total = 0;
	uint64_t start = loop_now();
	int fd, requests = 0;

	drv_open(&d, "1000");
	drv_start(&d, &plain);
	fd = host_connect(&d, "guest.000003e8", SOCK_STREAM);
	got(&d, VSOCK_OP_REQUEST, &h);
	g = drv_header(1000, h.src_port, VSOCK_OP_RESPONSE);
	g.buf_alloc = 10000;
	drv_packet(&d, &g, NULL);
	ok(send(fd, big, 100000, MSG_DONTWAIT) == 100000, "host writes much");
	while (drv_receive(&d, &h, payload)) {
		if (h.op == VSOCK_OP_RW)
			total += h.len;
		if (h.op == VSOCK_OP_CREDIT_REQUEST)
			requests++;
	}
	ok(total == 10000, "the guest gets what it has room for (%zu)", total);
	ok(requests == 0, "and is not asked at once whether it has more (%d)", requests);
	while (requests == 0 && loop_now() - start < 30000000) {
		loop_once(d.loop, 100000, NULL);
		while (drv_poll(&d, &h, payload))
			requests += h.op == VSOCK_OP_CREDIT_REQUEST;
	}
	ok(requests == 1, "but when it stays silent");
	g.op = VSOCK_OP_CREDIT_UPDATE;
	g.fwd_cnt = 10000;
	drv_packet(&d, &g, NULL);
	while (drv_receive(&d, &h, payload))
		total += h.op == VSOCK_OP_RW ? h.len : 0;
	ok(total == 20000, "and more after it said so (%zu)", total);
	g.buf_alloc = 5000; /* shrinks below what is under way */
	guest_op(&d, &g, VSOCK_OP_CREDIT_UPDATE, 0);
	while (drv_receive(&d, &h, payload))
		total += h.op == VSOCK_OP_RW ? h.len : 0;
	ok(total == 20000, "nothing into a buffer that shrinks");
	g.buf_alloc = 262144;
	g.fwd_cnt = 20000;
	guest_op(&d, &g, VSOCK_OP_CREDIT_UPDATE, 0);
	while (drv_receive(&d, &h, payload))
		total += h.op == VSOCK_OP_RW ? h.len : 0;
	ok(total == 100000, "the rest in the end (%zu)", total);
	guest_op(&d, &g, VSOCK_OP_CREDIT_REQUEST, 0);
	ok(got(&d, VSOCK_OP_CREDIT_UPDATE, &h), "a credit request is answered");
	/* credit 0, and the host closes: the end needs no credit */
	g.fwd_cnt = 100000;
	g.buf_alloc = 0;
	guest_op(&d, &g, VSOCK_OP_CREDIT_UPDATE, 0);
	close(fd);
	ok(got(&d, VSOCK_OP_SHUTDOWN, &h), "end of file needs no credit");
	drv_close(&d);
}

/* Time passes in this test: the credit update that got lost is asked for again. */
static void test_lost_credit(void)
{
	struct vsock_header g, h;
	struct drv d;
	uint64_t start;
	int fd, requests = 0;

	drv_open(&d, "1000");
	drv_start(&d, &plain);
	fd = open_from_host(&d, &g);
	g.buf_alloc = 10;
	guest_op(&d, &g, VSOCK_OP_CREDIT_UPDATE, 0);
	host_says(&d, fd, "0123456789abcdef");
	ok(guest_hears(&d, "0123456789"), "ten bytes of credit");
	for (start = loop_now(); requests < 2 && loop_now() - start < 60000000;) {
		loop_once(d.loop, 100000, NULL);
		while (drv_poll(&d, &h, payload))
			requests += h.op == VSOCK_OP_CREDIT_REQUEST;
	}
	ok(requests == 2, "the guest is asked again after a while");
	close(fd);
	drv_close(&d);
}

static void client_go(struct loop_timer *t)
{
	close(*(int *)t->data);
}

/* The host's client goes after the device has looked at its sockets, and before it passes the guest's packet on: it
 * writes into a socket that nobody has any more, and no signal comes of that. SIGPIPE is blocked here, and would be
 * pending. */
static void test_gone_client(void)
{
	struct loop_timer go = { .fn = client_go };
	struct vsock_header g, h;
	sigset_t pipe, pending;
	struct drv d;
	int fd;

	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	sigprocmask(SIG_BLOCK, &pipe, NULL);
	drv_open(&d, "1000");
	drv_start(&d, &plain);
	fd = open_from_host(&d, &g);
	g.len = 5;
	drv_packet_quiet(&d, &g, "hello");
	drv_kick(&d, &d.rings[VSOCK_TX]);
	go.data = &fd;
	loop_timer_arm(d.loop, &go, 0, NULL);
	pump(&d);
	ok(got(&d, VSOCK_OP_SHUTDOWN, &h), "a client that goes while the guest writes: the guest is told");
	ok(sigpending(&pending) == 0 && !sigismember(&pending, SIGPIPE), "and the device gets no signal");
	drv_close(&d);
}

/* --- ends --------------------------------------------------------------------------------------------------------- */

static void test_ends(void)
{
	struct vsock_header g, h;
	struct drv d;
	size_t total = 0;
	uint32_t sent;
	int fd;

	drv_open(&d, "1000");
	drv_start(&d, &plain);

	/* Writes and closes before the guest has answered. */
	fd = host_connect(&d, "guest.000003e8", SOCK_STREAM);
	host_says(&d, fd, "early");
	close(fd);
	pump(&d);
	got(&d, VSOCK_OP_REQUEST, &h);
	g = drv_header(1000, h.src_port, VSOCK_OP_RESPONSE);
	drv_packet(&d, &g, NULL);
	total = 0;
	while (drv_receive(&d, &h, payload) && h.op != VSOCK_OP_SHUTDOWN)
		total += h.op == VSOCK_OP_RW ? h.len : 0;
	ok(total == 5, "what a client wrote before it closed, and before the guest answered, arrives");
	g.op = VSOCK_OP_RST;
	drv_packet(&d, &g, NULL);

	/* The guest closes at once after much data that the host has not read yet. */
	fd = open_from_host(&d, &g);
	for (sent = 0; sent < 262144; sent += 65536) {
		g.op = VSOCK_OP_RW;
		g.len = 65536;
		drv_packet(&d, &g, big);
	}
	g.len = 0;
	guest_op(&d, &g, VSOCK_OP_SHUTDOWN, VSOCK_SHUT_BOTH);
	while (drv_receive(&d, &h, payload) && h.op != VSOCK_OP_RST)
		;
	ok(h.op == VSOCK_OP_RST, "guest's close is answered although the host has not read");
	ok(d.dev->conns.table.count == 0 && d.dev->conns.total == 1, "its ports are free, the rest drains");
	total = host_read(&d, fd, big, sizeof(big));
	ok(total == 262144 && host_eof(&d, fd), "all of it arrives at the host, then end of file (%zu)", total);
	ok(d.dev->conns.total == 0, "then it is gone");
	close(fd);

	/* The host closes while the guest writes. */
	fd = open_from_host(&d, &g);
	close(fd);
	ok(guest_says(&d, &g, "to nobody"), "write to a host that is gone");
	ok(got(&d, VSOCK_OP_SHUTDOWN, &h), "SHUTDOWN, and SIGPIPE kills nobody");
	guest_says(&d, &g, "again");
	guest_op(&d, &g, VSOCK_OP_RST, 0);
	ok(d.dev->conns.total == 0, "RST ends it");

	/* Unknown operation, data after SEND, RESPONSE twice, a length beyond the packet. */
	fd = open_from_host(&d, &g);
	guest_op(&d, &g, 77, 0);
	ok(got(&d, VSOCK_OP_RST, &h) && host_eof(&d, fd), "unknown operation: RST");
	close(fd);
	fd = open_from_host(&d, &g);
	guest_op(&d, &g, VSOCK_OP_SHUTDOWN, VSOCK_SHUT_SEND);
	guest_says(&d, &g, "late");
	ok(got(&d, VSOCK_OP_RST, &h), "data after SHUTDOWN(SEND): RST");
	close(fd);
	fd = open_from_host(&d, &g);
	guest_op(&d, &g, VSOCK_OP_RESPONSE, 0);
	ok(got(&d, VSOCK_OP_RST, &h), "RESPONSE to nothing: RST");
	close(fd);
	fd = open_from_host(&d, &g);
	g.len = 1000000;
	drv_packet(&d, &g, NULL);
	ok(got(&d, VSOCK_OP_RST, &h), "a length beyond the packet: RST");
	close(fd);
	pump(&d);
	ok(d.dev->conns.total == 0, "nothing is left");
	drv_close(&d);
}

static void test_guest_reuses_port(void)
{
	struct vsock_header g, h;
	struct drv d;
	int fd, listener;

	drv_open(&d, "1000");
	drv_start(&d, &plain);
	fd = open_from_guest(&d, &g, 7000);
	close(fd);
	ok(got(&d, VSOCK_OP_SHUTDOWN, &h) && h.flags == VSOCK_SHUT_BOTH, "host closed");
	listener = host_listen(&d, "00000002.00000005", SOCK_STREAM, 4);
	g = drv_header(7000, 5, VSOCK_OP_REQUEST);
	drv_packet(&d, &g, NULL);
	ok(got(&d, VSOCK_OP_RESPONSE, &h), "the guest may use its port again before it sent RST");
	close(listener);
	drv_close(&d);
}

/* What a guest that reads nothing is sent does not grow with the number of streams without end. */
static void test_share(void)
{
	enum { STREAMS = 300, MUCH = 150000 };
	static int fds[STREAMS];
	struct vsock_header g, h;
	struct drv d;
	size_t total = 0, alone = 0;
	int i;

	drv_open(&d, "1000");
	drv_start(&d, &plain);
	for (i = 0; i < STREAMS; i++) {
		fds[i] = open_from_host(&d, &g);
		if (fds[i] < 0 || send(fds[i], big, MUCH, MSG_DONTWAIT) != MUCH)
			break;
		while (drv_receive(&d, &h, payload)) {
			total += h.op == VSOCK_OP_RW ? h.len : 0;
			alone += h.op == VSOCK_OP_RW && i == 0 ? h.len : 0;
		}
	}
	ok(i == STREAMS, "%d streams", i);
	ok(alone == MUCH, "one alone sends all it has (%zu)", alone);
	ok(total < FLIGHT_TOTAL + (size_t)STREAMS * FLIGHT_MIN && total > FLIGHT_TOTAL / 2,
	   "many send so much together (%zu)", total);
	for (i = 0; i < STREAMS; i++)
		close(fds[i]);
	drv_close(&d);
}

int main(void)
{
	test_rings();
	test_half_close();
	test_guest_to_host();
	test_refusals();
	test_credit_of_host();
	test_credit_of_guest();
	test_lost_credit();
	test_share();
	test_gone_client();
	test_ends();
	test_guest_reuses_port();
	return tap_done();
}
