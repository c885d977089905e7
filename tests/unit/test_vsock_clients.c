/* Ways into and out of the vsock device: the connect socket, the hybrid protocol, full backlogs, messages with
 * boundaries; and that one connection's trouble is no other's. */
#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lines.h"
#include "tap.h"
#include "vsock_driver.h"

static uint8_t payload[65536], big[1 << 20];
static const struct drv_options plain = { .event_idx = true };

static bool got(struct drv *d, uint16_t op, struct vsock_header *h)
{
	return drv_receive(d, h, payload) && h->op == op;
}

static void answer(struct drv *d, const struct vsock_header *request, struct vsock_header *g)
{
	*g = drv_header(request->dst_port, request->src_port, VSOCK_OP_RESPONSE);
	g->type = request->type;
	drv_packet(d, g, NULL);
	g->op = VSOCK_OP_RW;
}

static void says(struct drv *d, int fd, const char *text)
{
	if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		printf("# send: %s\n", strerror(errno));
	pump(d);
}

/* Closed by the device, which may leave bytes unread. */
static bool gone(int fd)
{
	char byte;
	ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT);

	return n == 0 || (n < 0 && errno == ECONNRESET);
}

/* --- parsers ------------------------------------------------------------------------------------------------------ */

static void test_parsers(void)
{
	static const struct {
		const char *text;
		int used;
		uint64_t cid;
		uint32_t port;
	} lines[] = {
		{ "00000003.00000946\n", 18, 3, 0x946 }, { "00000003.00000946\nmore", 18, 3, 0x946 },
		{ "0000000A.0000ffFF\n", 18, 10, 0xffff }, { "00000003.0000094", 0, 0, 0 },
		{ "3.946\n", -1, 0, 0 }, { "00000003:00000946\n", -1, 0, 0 },
		{ "00000003.0000094g\n", -1, 0, 0 }, { "0x000003.00000946\n", -1, 0, 0 },
		{ "00000003.00000946 \n", 19, 3, 0x946 }, { "  00000003.00000946\t\r\nmore", 22, 3, 0x946 },
		{ "0000 0003.00000946\n", -1, 0, 0 }, { "00000003. 00000946\n", -1, 0, 0 },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", -1, 0, 0 }, { "aaaaaaaaaaaaaaaaaaa\n", -1, 0, 0 },
		{ "\n", -1, 0, 0 }, { "  \n", -1, 0, 0 }, { "", 0, 0, 0 },
	}, hybrid[] = {
		{ "CONNECT 52\n", 11, 0, 52 }, { "connect 1024\nrest", 13, 0, 1024 }, { "CONNECT 4294967294\n", 19, 0, 4294967294 },
		{ "CONNECT 4294967295\n", -1, 0, 0 }, { "CONNECT \n", -1, 0, 0 }, { "CONNECT -1\n", -1, 0, 0 },
		{ "CONNECT 1 2\n", -1, 0, 0 }, { "CONNECTX1\n", -1, 0, 0 }, { "CONN", 0, 0, 0 },
		{ "CONNECT  1024 \r\n", 16, 0, 1024 }, { " connect\t52\n", 12, 0, 52 }, { "CONNECT  \n", -1, 0, 0 },
		{ "CONNECT\n", -1, 0, 0 }, { "CONNECT1\n", -1, 0, 0 }, { "CONNECT 5", 0, 0, 0 },
		{ "CONNECT 00000000000000052\n", -1, 0, 0 }, { "CONNECT 11111111111111111111111111111111", -1, 0, 0 },
	};
	static const struct {
		const char *text;
		bool hybrid;
		int used;
		uint32_t port;
	} ends[] = {
		{ "00000003.00000946", false, 17, 0x946 },
		{ " 00000003.00000946 ", false, 19, 0x946 },
		{ "00000003.0000094", false, -1, 0 },
		{ "00000003.00000946\nmore", false, 18, 0x946 },
		{ "CONNECT 52", true, 10, 52 },
		{ "CONNECT 52 ", true, 11, 52 },
		{ "CONNECT", true, -1, 0 },
		{ "CONN", true, -1, 0 },
	};
	static const struct {
		const char *text;
		int count; /* -1: wrong */
	} ports[] = { { "2374,2376", 2 }, { "1", 1 },
		      { "", 0 },          { "5/seqpacket,6", 2 },
		      { "x", -1 },        { "1 2", -1 },
		      { "1,,2", -1 },     { "4294967295", -1 },
		      { "5/stream", -1 }, { "99999999999999999999", -1 },
		      { "1,", 1 } };
	size_t i;

	for (i = 0; i < array_len(lines); i++) {
		size_t len = strlen(lines[i].text);
		uint64_t cid = 0;
		uint32_t port = 0;
		int used = lines_parse_connect(lines[i].text, len < LINES_BYTES_MAX ? len : LINES_BYTES_MAX, false,
					       &cid, &port);

		ok(used == lines[i].used && (used <= 0 || (cid == lines[i].cid && port == lines[i].port)),
		   "connect line %zu", i);
	}
	for (i = 0; i < array_len(hybrid); i++) {
		size_t len = strlen(hybrid[i].text);
		uint32_t port = 0;
		int used =
			lines_parse_hybrid(hybrid[i].text, len < LINES_BYTES_MAX ? len : LINES_BYTES_MAX, false, &port);

		ok(used == hybrid[i].used && (used <= 0 || port == hybrid[i].port), "hybrid line %zu", i);
	}
	for (i = 0; i < array_len(ends); i++) {
		size_t len = strlen(ends[i].text);
		uint64_t cid = 0;
		uint32_t port = 0;
		int used = ends[i].hybrid ? lines_parse_hybrid(ends[i].text, len, true, &port)
					  : lines_parse_connect(ends[i].text, len, true, &cid, &port);

		ok(used == ends[i].used && (used <= 0 || port == ends[i].port), "the end of what is sent ends line %zu",
		   i);
	}
	for (i = 0; i < array_len(ports); i++) {
		const char *rest = ports[i].text;
		uint32_t port;
		uint16_t type;
		int n = 0, r;

		while ((r = lines_parse_port(&rest, &port, &type)) > 0)
			n++;
		ok((r < 0 ? -1 : n) == ports[i].count, "ports \"%s\"", ports[i].text);
	}
}

/* --- connect and hybrid ------------------------------------------------------------------------------------------- */

static void test_connect(void)
{
	struct vsock_header g, h;
	struct drv d;
	char text[64];
	size_t n;
	int fd, i;

	drv_open(&d, "1000");
	drv_start(&d, &plain);

	fd = host_connect(&d, "connect", SOCK_STREAM);
	says(&d, fd, "00000003.000");
	for (i = 0; i < 100; i++)
		pump(&d);
	ok(!drv_receive(&d, &h, payload), "half a line is waited for");
	says(&d, fd, "007d0\nfirst bytes");
	ok(got(&d, VSOCK_OP_REQUEST, &h) && h.dst_port == 2000, "connect: to any port");
	answer(&d, &h, &g);
	ok(got(&d, VSOCK_OP_RW, &h) && h.len == 11 && memcmp(payload, "first bytes", 11) == 0,
	   "what follows the line is the guest's");
	g.len = 2;
	drv_packet(&d, &g, "hi");
	ok(host_read(&d, fd, text, 2) == 2 && memcmp(text, "hi", 2) == 0,
	   "and nothing stands before the guest's answer");
	close(fd);
	got(&d, VSOCK_OP_SHUTDOWN, &h);

	fd = host_connect(&d, "connect", SOCK_STREAM);
	says(&d, fd, "00000009.000007d0\n");
	ok(gone(fd), "connect: another guest's cid is refused");
	close(fd);
	fd = host_connect(&d, "connect", SOCK_STREAM);
	says(&d, fd, "GET / HTTP/1.0\r\n\r\n and more of it");
	ok(gone(fd), "connect: nonsense is refused");
	close(fd);

	fd = host_connect(&d, "hybrid", SOCK_STREAM);
	says(&d, fd, "CONNECT 2000\nhello");
	ok(got(&d, VSOCK_OP_REQUEST, &h) && h.dst_port == 2000, "hybrid: to any port");
	ok(host_read(&d, fd, text, 1) == 0, "hybrid: no answer before the guest's");
	answer(&d, &h, &g);
	n = host_read(&d, fd, text, sizeof(text) - 1);
	text[n] = '\0';
	snprintf((char *)payload, 64, "OK %u\n", g.dst_port);
	ok(strcmp(text, (char *)payload) == 0, "hybrid: OK and the host's port");
	ok(got(&d, VSOCK_OP_RW, &h) && h.len == 5, "hybrid: bytes behind the line");
	close(fd);
	drv_close(&d);
}

/* A client that ends its sending without a newline has said its line; one that goes has not. */
static void test_ended_line(void)
{
	static const char *const names[] = { "connect", "hybrid" },
				 *const lines[] = { "00000003.000007d0", " CONNECT 2000 \r" };
	struct vsock_header g, h;
	struct drv d;
	int fd, i;

	drv_open(&d, "1000");
	drv_start(&d, &plain);
	for (i = 0; i < 2; i++) {
		fd = host_connect(&d, names[i], SOCK_STREAM);
		says(&d, fd, lines[i]);
		ok(!drv_receive(&d, &h, payload), "%s: a line without newline is waited for", names[i]);
		shutdown(fd, SHUT_WR);
		ok(got(&d, VSOCK_OP_REQUEST, &h) && h.dst_port == 2000, "%s: until the client ends", names[i]);
		answer(&d, &h, &g);
		ok(got(&d, VSOCK_OP_SHUTDOWN, &h) && h.flags == VSOCK_SHUT_SEND, "%s: the guest sees the end",
		   names[i]);
		g.len = 2;
		drv_packet(&d, &g, "hi");
		ok(host_read(&d, fd, payload, 64) >= 2, "%s: and can answer", names[i]);
		close(fd);
		while (drv_receive(&d, &h, payload))
			;
		fd = host_connect(&d, names[i], SOCK_STREAM);
		says(&d, fd, "CONN");
		shutdown(fd, SHUT_WR);
		pump(&d);
		ok(gone(fd), "%s: half a line and an end is refused at once", names[i]);
		close(fd);
		fd = host_connect(&d, names[i], SOCK_STREAM);
		says(&d, fd, lines[i]);
		close(fd);
		ok(!drv_receive(&d, &h, payload), "%s: nobody is connected for a client that has gone", names[i]);
	}
	drv_close(&d);
}

/* A thousand clients that say nothing, and one that does. */
static void test_silent_clients(void)
{
	enum { SILENT = 1000 };
	struct vsock_header h;
	struct drv d;
	static int fds[SILENT];
	int i, fd;
	clock_t start;

	drv_open(&d, "1000");
	drv_start(&d, &plain);
	for (i = 0; i < SILENT; i++)
		fds[i] = host_connect(&d, "connect", SOCK_STREAM);
	fd = host_connect(&d, "guest.000003e8", SOCK_STREAM);
	ok(got(&d, VSOCK_OP_REQUEST, &h), "silent clients are in nobody's way");
	for (i = 0; i < 100; i++)
		loop_once(d.loop, 0, NULL);
	start = clock();
	for (i = 0; i < 5; i++)
		loop_once(d.loop, 50000, NULL);
	ok(clock() - start < CLOCKS_PER_SEC / 20, "nor do they cost anything");
	for (i = 0; i < SILENT; i++)
		close(fds[i]);
	close(fd);
	drv_close(&d);
}

/* --- backlog ------------------------------------------------------------------------------------------------------ */

static void test_backlog(void)
{
	struct vsock_header g, h;
	struct drv d;
	int listener, first, fd, fds[3], i, opened = 0;
	uint64_t start;

	drv_open(&d, "1000");
	drv_start(&d, &plain);
	listener = host_listen(&d, "00000002.00000005", SOCK_STREAM, 0);
	/* backlog 0 holds one */
	first = host_connect(&d, "00000002.00000005", SOCK_STREAM);
	ok(first >= 0 && host_connect(&d, "00000002.00000005", SOCK_STREAM) < 0 && errno == EAGAIN,
	   "a backlog is full");
	for (i = 0; i < 3; i++) {
		g = drv_header((uint32_t)(7000 + i), 5, VSOCK_OP_REQUEST);
		drv_packet(&d, &g, NULL);
	}
	ok(!drv_receive(&d, &h, payload), "the guest's connections wait");
	fd = host_connect(&d, "guest.000003e8", SOCK_STREAM);
	ok(got(&d, VSOCK_OP_REQUEST, &h), "and nobody else does");
	close(fd);
	for (start = loop_now(); opened < 3 && loop_now() - start < 60000000;) {
		int a = accept4(listener, NULL, NULL, SOCK_NONBLOCK);

		if (a >= 0)
			close(a);
		loop_once(d.loop, 10000, NULL);
		while (drv_poll(&d, &h, payload))
			opened += h.op == VSOCK_OP_RESPONSE;
	}
	ok(opened == 3, "they stand once the program accepts (%d)", opened);
	/* Now nobody accepts: refused in the end. */
	for (i = 0; i < 3; i++)
		fds[i] = host_connect(&d, "00000002.00000005", SOCK_STREAM);
	g = drv_header(7010, 5, VSOCK_OP_REQUEST);
	drv_packet(&d, &g, NULL);
	opened = 0;
	for (start = loop_now(); !opened && loop_now() - start < 60000000;) {
		loop_once(d.loop, 100000, NULL);
		while (drv_poll(&d, &h, payload))
			opened |= h.op == VSOCK_OP_RST && h.dst_port == 7010;
	}
	ok(opened && loop_now() - start > 1500000, "or are refused after about two seconds");
	for (i = 0; i < 3; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	close(first);
	close(listener);
	drv_close(&d);
}

/* The next packet from the device, which may come by a timer. */
static bool comes(struct drv *d, uint16_t op, struct vsock_header *h)
{
	uint64_t start = loop_now();

	while (loop_now() - start < 60000000) {
		if (drv_poll(d, h, payload))
			return h->op == op;
		loop_once(d->loop, 10000, NULL);
	}
	return false;
}

static void refuse(struct drv *d, const struct vsock_header *request)
{
	struct vsock_header g = drv_header(request->dst_port, request->src_port, VSOCK_OP_RST);

	drv_packet(d, &g, NULL);
}

/* A RST where the guest has taken others may be a full backlog. */
static void test_guest_backlog(void)
{
	struct vsock_header g, h, other;
	struct drv d;
	int first, fd, later, i;
	uint64_t start;

	drv_open(&d, "1000,1001");
	drv_start(&d, &plain);
	fd = host_connect(&d, "guest.000003e8", SOCK_STREAM);
	ok(got(&d, VSOCK_OP_REQUEST, &h), "a first client");
	refuse(&d, &h);
	ok(gone(fd), "is refused at once where the guest has taken nobody");
	close(fd);

	first = host_connect(&d, "guest.000003e8", SOCK_STREAM);
	ok(got(&d, VSOCK_OP_REQUEST, &h), "a second one");
	answer(&d, &h, &g);
	fd = host_connect(&d, "guest.000003e8", SOCK_STREAM);
	says(&d, fd, "early");
	ok(got(&d, VSOCK_OP_REQUEST, &h), "a third one, beside it");
	for (i = 0; i < 5; i++) {
		refuse(&d, &h);
		ok(!gone(fd), "a full backlog is waited for");
		later = host_connect(&d, "guest.000003e9", SOCK_STREAM);
		ok(got(&d, VSOCK_OP_REQUEST, &other) && other.dst_port == 1001, "and nobody else waits");
		refuse(&d, &other);
		ok(gone(later), "nor does a port where nobody is");
		close(later);
		ok(comes(&d, VSOCK_OP_REQUEST, &other) && other.src_port == h.src_port && other.dst_port == 1000,
		   "it is asked again");
	}
	answer(&d, &other, &g);
	ok(comes(&d, VSOCK_OP_RW, &h) && h.len == 5 && h.dst_port == 1000, "until it takes it");
	g.len = 2;
	ok(drv_packet(&d, &g, "hi") && host_read(&d, fd, payload, 2) == 2, "then it is like any other");
	close(fd);
	while (comes(&d, VSOCK_OP_SHUTDOWN, &h) && h.flags != VSOCK_SHUT_BOTH)
		;
	g = drv_header(h.dst_port, h.src_port, VSOCK_OP_RST);
	drv_packet(&d, &g, NULL);

	/* The listener has gone, and the first connection is still there. */
	fd = host_connect(&d, "guest.000003e8", SOCK_STREAM);
	for (start = loop_now(); !gone(fd) && loop_now() - start < 60000000;) {
		loop_once(d.loop, 10000, NULL);
		while (drv_poll(&d, &h, payload))
			if (h.op == VSOCK_OP_REQUEST)
				refuse(&d, &h);
	}
	ok(loop_now() - start > 2000000 && loop_now() - start < 50000000, "or is given up after a time");
	close(fd);
	close(first);
	drv_close(&d);
}

/* Another user's socket is nothing that the guest is let to: root alone can make one here. */
static void test_foreign_socket(void)
{
	struct vsock_header g, h;
	struct drv d;
	char path[160], link[160];
	int listener;

	if (geteuid() != 0)
		return;
	drv_open(&d, "1000");
	drv_start(&d, &plain);
	snprintf(path, sizeof(path), "hybrid_%d", 70);
	listener = host_listen(&d, path, SOCK_STREAM, 4);
	g = drv_header(7000, 70, VSOCK_OP_REQUEST);
	drv_packet(&d, &g, NULL);
	ok(got(&d, VSOCK_OP_RESPONSE, &h), "beside the hybrid socket: one's own");
	snprintf(path, sizeof(path), "%s_70", d.hybrid);
	snprintf(link, sizeof(link), "%s_71", d.hybrid);
	ok(symlink(path, link) == 0, "a link");
	g = drv_header(7001, 71, VSOCK_OP_REQUEST);
	drv_packet(&d, &g, NULL);
	ok(got(&d, VSOCK_OP_RST, &h), "not a link");
	ok(lchown(path, 1234, 1234) == 0, "somebody else's socket");
	g = drv_header(7002, 70, VSOCK_OP_REQUEST);
	drv_packet(&d, &g, NULL);
	ok(got(&d, VSOCK_OP_RST, &h), "nor that");
	unlink(link);
	close(listener);
	drv_close(&d);
	unlink(path);
}

/* Descriptors run out: clients wait, those that are there go on. */
static void test_descriptors(void)
{
	struct rlimit old, low;
	struct vsock_header g, h;
	struct drv d;
	int fd, other, i, spare, more[12];
	uint64_t queue = VSOCK_RX;
	bool found = false;
	clock_t start;

	drv_open(&d, "1000");
	drv_start(&d, &plain);
	fd = host_connect(&d, "guest.000003e8", SOCK_STREAM);
	got(&d, VSOCK_OP_REQUEST, &h);
	answer(&d, &h, &g);
	spare = dup(0);
	getrlimit(RLIMIT_NOFILE, &old);
	low = old;
	close(spare);
	low.rlim_cur = (rlim_t)spare + 1; /* one more: the client's own end */
	setrlimit(RLIMIT_NOFILE, &low);
	other = host_connect(&d, "guest.000003e8", SOCK_STREAM);
	start = clock();
	for (i = 0; i < 3; i++)
		loop_once(d.loop, 30000, NULL);
	ok(other >= 0 && !drv_receive(&d, &h, payload), "out of descriptors: a client waits");
	ok(clock() - start < CLOCKS_PER_SEC / 20, "without the loop spinning");
	g.len = 4;
	ok(drv_packet(&d, &g, "ping") && host_read(&d, fd, payload, 4) == 4, "connections that stand go on");
	low.rlim_cur = (rlim_t)spare + 24;
	setrlimit(RLIMIT_NOFILE, &low);
	for (i = 0; i < 12; i++)
		more[i] = host_connect(&d, "guest.000003e8", SOCK_STREAM);
	for (i = 0; i < 10; i++)
		loop_once(d.loop, 30000, NULL);
	drv_send(&d, VHOST_USER_SET_VRING_CALL, 0, &queue, sizeof(queue), &d.rings[VSOCK_RX].call, 1);
	pump(&d);
	ok(drv_connected(&d), "the front-end's descriptors find a place");
	for (i = 0; i < 12; i++)
		close(more[i]);
	setrlimit(RLIMIT_NOFILE, &old);
	for (i = 0; i < 20 && !found; i++) {
		loop_once(d.loop, 50000, NULL);
		found = drv_poll(&d, &h, payload) && h.op == VSOCK_OP_REQUEST;
	}
	ok(found, "then it is served");
	close(fd);
	close(other);
	drv_close(&d);
}

/* --- one reader that stops ---------------------------------------------------------------------------------------- */

static void test_back_pressure(void)
{
	struct vsock_header a, b, h;
	struct drv d;
	uint32_t sent = 0, told = 0, i;
	int stuck, fine;
	size_t heard = 0;
	bool good = true;

	drv_open(&d, "1000");
	drv_start(&d, &plain);
	stuck = host_connect(&d, "guest.000003e8", SOCK_STREAM);
	got(&d, VSOCK_OP_REQUEST, &h);
	answer(&d, &h, &a);
	fine = host_connect(&d, "guest.000003e8", SOCK_STREAM);
	got(&d, VSOCK_OP_REQUEST, &h);
	answer(&d, &h, &b);
	/* The guest sends all that it may to a host that does not read, until its credit is used up. */
	for (i = 0; i < 1000; i++) {
		uint32_t room = CREDIT_MAX - (sent - told);

		a.len = room < 65536 ? room : 65536;
		if (room == 0)
			break;
		drv_packet(&d, &a, big);
		sent += a.len;
		while (drv_receive(&d, &h, payload))
			if (h.dst_port == 1000 && h.src_port == a.dst_port)
				told = h.fwd_cnt;
	}
	ok(i < 1000 && sent < 1 << 20, "a reader that stops stops the writer, after %u bytes", sent);
	for (i = 0; i < 1000 && good; i++) {
		b.len = 1000;
		good = drv_packet(&d, &b, big + i) && host_read(&d, fine, payload, 1000) == 1000 &&
			memcmp(payload, big + i, 1000) == 0;
		while (drv_poll(&d, &h, payload))
			b.fwd_cnt += h.op == VSOCK_OP_RW ? h.len : 0;
	}
	ok(good, "and nobody else");
	heard = host_read(&d, stuck, big, sizeof(big));
	ok(heard == sent, "whose bytes are all there (%zu)", heard);

	/* The other way: a guest that does not read. */
	for (i = 0; i < 100 && send(stuck, big, 65536, MSG_DONTWAIT) > 0; i++)
		pump(&d);
	while (drv_receive(&d, &h, payload))
		;
	ok(i < 100, "a guest that stops reading stops the host's writer");
	ok(send(fine, "x", 1, MSG_DONTWAIT) == 1 && got(&d, VSOCK_OP_RW, &h) && h.src_port == b.dst_port,
	   "and nobody else");
	close(stuck);
	close(fine);
	drv_close(&d);
}

/* A busy connection and a quiet one: the quiet one gets its turn within a quantum. */
static void test_fairness(void)
{
	struct vsock_header a, b, h;
	struct drv d;
	int busy, quiet, i;
	uint32_t before = 0;
	bool came = false;

	drv_open(&d, "1000");
	drv_start(&d, &plain);
	busy = host_connect(&d, "guest.000003e8", SOCK_STREAM);
	got(&d, VSOCK_OP_REQUEST, &h);
	answer(&d, &h, &a);
	quiet = host_connect(&d, "guest.000003e8", SOCK_STREAM);
	got(&d, VSOCK_OP_REQUEST, &h);
	answer(&d, &h, &b);
	a.op = VSOCK_OP_CREDIT_UPDATE;
	a.buf_alloc = 1 << 30;
	drv_packet(&d, &a, NULL);
	for (i = 0; i < 10; i++) {
		while (send(busy, big, 65536, MSG_DONTWAIT) > 0)
			;
		loop_once(d.loop, 0, NULL);
	}
	send(quiet, "x", 1, 0);
	for (i = 0; i < 100000 && !came; i++) {
		while (send(busy, big, 65536, MSG_DONTWAIT) > 0)
			;
		loop_once(d.loop, 0, NULL);
		while (!came && drv_poll(&d, &h, payload)) {
			came = h.src_port == b.dst_port;
			before += h.len;
		}
	}
	ok(came && before < 2 << 20, "a byte beside a flood arrives after %u others", before);
	close(busy);
	close(quiet);
	drv_close(&d);
}

/* --- seqpacket ---------------------------------------------------------------------------------------------------- */

static void test_seqpacket(void)
{
	struct vsock_header g, h;
	struct drv d;
	int fd, listener, i;
	size_t total;
	bool good;
	ssize_t n;

	drv_open(&d, "1000/seqpacket");
	drv_start(&d, &(struct drv_options){ .seqpacket = true, .event_idx = true });
	for (i = 0; i < (int)sizeof(big); i++)
		big[i] = (uint8_t)(i * 7 >> 3);
	fd = host_connect(&d, "guest.000003e8", SOCK_SEQPACKET);
	ok(got(&d, VSOCK_OP_REQUEST, &h) && h.type == VSOCK_SEQPACKET, "seqpacket: host connects");
	answer(&d, &h, &g);
	for (i = 1, good = true; i < 100 && good; i++) {
		good = send(fd, big, (size_t)i, 0) == i && got(&d, VSOCK_OP_RW, &h) && h.len == (uint32_t)i &&
			h.flags == VSOCK_SEQ_EOM;
		g.fwd_cnt += (uint32_t)i;
		g.len = (uint32_t)i;
		g.flags = VSOCK_SEQ_EOM;
		good = good && drv_packet(&d, &g, big) && recv(fd, payload, sizeof(payload), MSG_DONTWAIT) == i;
	}
	ok(good, "seqpacket: messages keep their boundaries");

	/* larger than a buffer, larger than the ring has room for */
	for (i = 0; i < 3; i++) {
		size_t size = (size_t[]){ 10000, 60000, 200000 }[i], heard = 0;

		ok(send(fd, big, size, 0) == (ssize_t)size, "seqpacket: host sends %zu", size);
		total = 0;
		good = true;
		while (drv_receive(&d, &h, payload)) {
			good = good && memcmp(payload, big + heard, h.len) == 0;
			heard += h.len;
			total += h.flags & VSOCK_SEQ_EOM;
			g.fwd_cnt += h.len;
			if (h.flags & VSOCK_SEQ_EOM)
				break;
		}
		ok(good && heard == size && total == 1, "seqpacket: guest gets %zu as one message", heard);
		g.op = VSOCK_OP_CREDIT_UPDATE;
		g.len = 0;
		drv_packet(&d, &g, NULL);
		g.op = VSOCK_OP_RW;
	}

	/* the guest's message in parts */
	g.flags = 0;
	g.len = 50000;
	drv_packet(&d, &g, big);
	ok(recv(fd, payload, sizeof(payload), MSG_DONTWAIT) < 0, "seqpacket: half a message is not delivered");
	g.flags = VSOCK_SEQ_EOM;
	g.len = 40000;
	drv_packet(&d, &g, big + 50000);
	static uint8_t whole[131072];
	n = recv(fd, whole, sizeof(whole), MSG_DONTWAIT);
	ok(n == 90000 && memcmp(whole, big, 90000) == 0, "seqpacket: then all of it (%zd)", n);

	/* a host that reads slowly: all messages wait, each for itself */
	g.len = 3000;
	for (i = 0; i < 85; i++)
		drv_packet(&d, &g, big + i);
	for (i = 0, good = true; good;) {
		n = recv(fd, whole, sizeof(whole), MSG_DONTWAIT);
		if (n < 0)
			break;
		good = n == 3000 && memcmp(whole, big + i, 3000) == 0;
		i++;
		pump(&d);
	}
	ok(good && i == 85, "seqpacket: a slow reader gets every message whole (%d)", i);

	shutdown(fd, SHUT_WR);
	while (drv_receive(&d, &h, payload) && h.op != VSOCK_OP_SHUTDOWN)
		;
	ok(h.op == VSOCK_OP_SHUTDOWN && h.flags == VSOCK_SHUT_SEND, "seqpacket: half-close");
	close(fd);

	listener = host_listen(&d, "00000002.00000005", SOCK_SEQPACKET, 4);
	g = drv_header(7000, 5, VSOCK_OP_REQUEST);
	g.type = VSOCK_SEQPACKET;
	while (drv_receive(&d, &h, payload))
		;
	drv_packet(&d, &g, NULL);
	ok(got(&d, VSOCK_OP_RESPONSE, &h) && h.type == VSOCK_SEQPACKET, "seqpacket: guest connects");
	g = drv_header(7001, 5, VSOCK_OP_REQUEST);
	drv_packet(&d, &g, NULL);
	ok(got(&d, VSOCK_OP_RST, &h), "a stream to a seqpacket socket is refused");
	close(listener);
	drv_close(&d);
}

/* However small they are, messages that the guest does not read cost it memory: Linux ends the connection then. */
static void test_seqpacket_crowd(void)
{
	struct vsock_header g, h;
	struct drv d;
	uint32_t limit, i, heard = 0;
	int fd;

	drv_open(&d, "1000/seqpacket");
	drv_start(&d, &(struct drv_options){ .seqpacket = true, .event_idx = true });
	fd = host_connect(&d, "guest.000003e8", SOCK_SEQPACKET);
	got(&d, VSOCK_OP_REQUEST, &h);
	g = drv_header(h.dst_port, h.src_port, VSOCK_OP_RESPONSE);
	g.type = VSOCK_SEQPACKET;
	g.buf_alloc = 100 << 10;
	limit = g.buf_alloc / 1024;
	drv_packet(&d, &g, NULL);
	for (i = 0; i < limit + 50; i++)
		if (send(fd, "ten bytes.", 10, MSG_DONTWAIT) != 10)
			break;
	ok(i == limit + 50, "seqpacket: many small messages wait in the socket (%u)", i);
	while (drv_receive(&d, &h, payload) && h.op == VSOCK_OP_RW)
		heard++;
	ok(heard == limit, "seqpacket: as many of them are sent as cost the guest its buffer (%u)", heard);
	g.op = VSOCK_OP_CREDIT_UPDATE;
	g.fwd_cnt = 10 * heard - 10;
	drv_packet(&d, &g, NULL);
	ok(!drv_poll(&d, &h, payload), "seqpacket: while one of them is unread no more");
	g.fwd_cnt += 10;
	drv_packet(&d, &g, NULL);
	while (drv_receive(&d, &h, payload))
		heard += h.op == VSOCK_OP_RW;
	ok(heard == limit + 50, "seqpacket: the others when it has read (%u)", heard);
	close(fd);
	drv_close(&d);
}

static int seqpacket_open(struct drv *d, struct vsock_header *g)
{
	struct vsock_header h;
	int fd = host_connect(d, "guest.000003e8", SOCK_SEQPACKET);

	while (drv_receive(d, &h, payload) && h.op != VSOCK_OP_REQUEST)
		;
	answer(d, &h, g);
	return fd;
}

/* The next message, whatever is said of ends. */
static bool guest_hears(struct drv *d, const char *message)
{
	struct vsock_header h;
	bool some;

	while ((some = drv_receive(d, &h, payload)) && h.op == VSOCK_OP_SHUTDOWN)
		;
	return some && h.op == VSOCK_OP_RW && h.len == strlen(message) && memcmp(payload, message, h.len) == 0;
}

static void test_seqpacket_ends(void)
{
	struct vsock_header g, h;
	struct drv d;
	size_t before;
	int fd;

	drv_open(&d, "1000/seqpacket");
	drv_start(&d, &(struct drv_options){ .seqpacket = true, .event_idx = true });
	before = d.dev->conns.total;

	fd = seqpacket_open(&d, &g);
	g.len = 4;
	drv_packet(&d, &g, "half");
	g.len = 0;
	g.op = VSOCK_OP_SHUTDOWN;
	g.flags = VSOCK_SHUT_SEND;
	drv_packet(&d, &g, NULL);
	ok(host_eof(&d, fd), "seqpacket: the end comes after a message that never became whole");
	close(fd);
	while (drv_receive(&d, &h, payload))
		;
	g.flags = VSOCK_SHUT_BOTH;
	drv_packet(&d, &g, NULL);

	fd = seqpacket_open(&d, &g);
	g.len = 4;
	drv_packet(&d, &g, "half");
	g.len = 0;
	g.op = VSOCK_OP_RST;
	drv_packet(&d, &g, NULL);
	ok(host_eof(&d, fd) && d.dev->conns.total == before, "seqpacket: nor does such a one keep a connection");
	close(fd);

	fd = seqpacket_open(&d, &g);
	g.len = 6;
	g.flags = VSOCK_SEQ_EOM;
	drv_packet(&d, &g, "unread");
	ok(send(fd, "a", 1, 0) == 1 && send(fd, "bc", 2, 0) == 2, "seqpacket: a client sends");
	close(fd);
	ok(guest_hears(&d, "a") && guest_hears(&d, "bc"), "seqpacket: and goes, with something unread: all arrives");
	while (drv_receive(&d, &h, payload))
		;

	fd = seqpacket_open(&d, &g);
	ok(send(fd, "", 0, 0) == 0 && send(fd, "data", 4, 0) == 4, "seqpacket: nothing, then something");
	close(fd);
	ok(guest_hears(&d, "data"), "seqpacket: an empty message before the end is not the end");
	drv_close(&d);
}

int main(void)
{
	test_parsers();
	test_connect();
	test_silent_clients();
	test_ended_line();
	test_backlog();
	test_guest_backlog();
	test_foreign_socket();
	test_descriptors();
	test_back_pressure();
	test_fairness();
	test_seqpacket();
	test_seqpacket_crowd();
	test_seqpacket_ends();
	return tap_done();
}
