/* vsudd: its options' parsers, and the relay between two sockets. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "error.h"
#include "relay.h"
#include "tap.h"
#include "vsock.h"
#include "vsudd.h"

/* --- parsers ------------------------------------------------------------------------------------------------------ */

static void test_ports(void)
{
	static const struct {
		const char *text;
		int r;
		uint32_t port;
	} rows[] = {
		{ "2374", 0, 2374 },
		{ "0", 0, 0 },
		{ "4294967294", 0, 4294967294 },
		{ "4294967295", -1, 0 },
		{ "00000946-facb-11e6-bd58-64006a7986d3", 0, 0x946 },
		{ "00000946-FACB-11E6-BD58-64006A7986D3", 0, 0x946 },
		{ "00000946-facb-11e6-bd58-64006a7986d4", -1, 0 },
		{ "0000946-facb-11e6-bd58-64006a7986d3", -1, 0 },
		{ "0x000946-facb-11e6-bd58-64006a7986d3", -1, 0 },
		{ "ffffffff-facb-11e6-bd58-64006a7986d3", -1, 0 },
		{ "", -1, 0 },
		{ "-1", -1, 0 },
		{ " 1", -1, 0 },
		{ "2374x", -1, 0 },
	};
	size_t i;

	for (i = 0; i < array_len(rows); i++) {
		uint32_t port = 0;

		ok(vsock_parse_port(rows[i].text, &port) == rows[i].r && port == rows[i].port, "port \"%s\"",
		   rows[i].text);
	}
}

static void test_forwards(void)
{
	static const struct {
		bool out;
		const char *text, *path; /* NULL: wrong */
		uint32_t cid, port;
	} rows[] = {
		{ false, "2374:unix:/run/c.sock", "/run/c.sock", 0, 2374 },
		{ false, "2374:unix:/with:colon", "/with:colon", 0, 2374 },
		{ false, "00000948-facb-11e6-bd58-64006a7986d3:unix:/d", "/d", 0, 0x948 },
		{ false, "2374:tcp:/x", NULL, 0, 0 },
		{ false, "2374:unix:", NULL, 0, 0 },
		{ false, "2374", NULL, 0, 0 },
		{ false, "", NULL, 0, 0 },
		{ false, "::", NULL, 0, 0 },
		{ false, "x:unix:/a", NULL, 0, 0 },
		{ true, "unix:/run/h.sock:2:5000", "/run/h.sock", 2, 5000 },
		{ true, "unix:/a:b:2:5000", "/a:b", 2, 5000 },
		{ true, "unix:/a:2:", NULL, 0, 0 },
		{ true, "unix:/a::5", NULL, 0, 0 },
		{ true, "unix:2:5", NULL, 0, 0 },
		{ true, "unix::2:5", NULL, 0, 0 },
		{ true, "tcp:/a:2:5", NULL, 0, 0 },
		{ true, "unix:/a:b:5", NULL, 0, 0 },
		{ true, "", NULL, 0, 0 },
	};
	size_t i;

	for (i = 0; i < array_len(rows); i++) {
		_cleanup_error_ struct error e = { 0 };
		char text[128];
		struct forward f;
		int r;

		strcpy(text, rows[i].text);
		r = rows[i].out ? forward_parse_out(text, &f, &e) : forward_parse_in(text, &f, &e);
		if (!rows[i].path)
			ok(r == -1 && e.msg, "refused: %s: %s", rows[i].text, error_text(&e));
		else
			ok(r == 0 && strcmp(f.path, rows[i].path) == 0 && f.port == rows[i].port &&
				   f.cid == rows[i].cid,
			   "taken: %s", rows[i].text);
	}
}

/* --- the relay ---------------------------------------------------------------------------------------------------- */

static struct loop *loop;
static struct relays relays;
static uint8_t out[1 << 20], in[1 << 20];

static void pump(void)
{
	int i;

	for (i = 0; i < 20; i++)
		loop_once(loop, 0, NULL);
}

/* The two far ends. */
static void join(int far[2])
{
	int a[2], b[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, a) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, b) < 0)
		return;
	relay_start(&relays, a[1], b[1], NULL);
	far[0] = a[0];
	far[1] = b[0];
	pump();
}

static size_t open_fds(void)
{
	size_t n = 0;
	int fd;

	for (fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* size bytes from one end to the other, in pieces, the reader sometimes slow. */
static bool carries(int from, int to, size_t size, size_t piece, bool slow)
{
	size_t sent = 0, heard = 0;
	int idle = 0;

	while (heard < size && idle < 100) {
		size_t want = size - sent < piece ? size - sent : piece;
		ssize_t n = want > 0 ? send(from, out + sent, want, MSG_NOSIGNAL) : 0;

		sent += n > 0 ? (size_t)n : 0;
		pump();
		if (slow && sent < size && n > 0)
			continue;
		n = recv(to, in + heard, size - heard, 0);
		heard += n > 0 ? (size_t)n : 0;
		idle = n > 0 ? 0 : idle + 1;
	}
	return heard == size && memcmp(in, out, size) == 0;
}

static bool at_end(int fd)
{
	char byte;

	pump();
	return recv(fd, &byte, 1, 0) == 0;
}

static void test_relay(void)
{
	static const size_t sizes[] = { 1, 100, 16384, 16385, 65536, 300000, 1 << 20 };
	int far[2];
	size_t i, before = open_fds();

	for (i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i * 2654435761u >> 13);
	for (i = 0; i < array_len(sizes); i++) {
		join(far);
		ok(carries(far[0], far[1], sizes[i], 65536, false) && carries(far[1], far[0], sizes[i], 5000, false),
		   "%zu bytes each way", sizes[i]);
		ok(carries(far[0], far[1], sizes[i], 100000, true), "%zu bytes to a slow reader", sizes[i]);
		close(far[0]);
		ok(at_end(far[1]), "end of file");
		close(far[1]);
		pump();
	}
	ok(relays.count == 0, "no relay is left");
	ok(open_fds() <= before + 2 * RELAY_POOL, "nor a descriptor, but for the pool");

	join(far);
	ok(send(far[0], "question", 8, 0) == 8 && shutdown(far[0], SHUT_WR) == 0, "half-close");
	pump();
	ok(recv(far[1], in, 100, 0) == 8 && at_end(far[1]), "bytes, then end of file");
	ok(carries(far[1], far[0], 200000, 65536, false), "the other way goes on");
	shutdown(far[1], SHUT_WR);
	ok(at_end(far[0]) && relays.count == 0, "and ends by itself");
	close(far[0]);
	close(far[1]);

	/* One end closes while the other writes much. */
	join(far);
	while (send(far[0], out, 65536, MSG_NOSIGNAL) > 0)
		pump();
	close(far[1]);
	pump();
	ok(send(far[0], out, 65536, MSG_NOSIGNAL) < 0 && errno == EPIPE, "a writer hears that nobody reads");
	close(far[0]);
	pump();
	ok(relays.count == 0, "no relay is left");

	/* Much data, then close: all of it arrives. */
	join(far);
	for (i = 0; send(far[0], out + i, 1000, MSG_NOSIGNAL) == 1000; i += 1000)
		pump();
	close(far[0]);
	size_t heard = 0;
	ssize_t n;

	while ((n = recv(far[1], in + heard, sizeof(in) - heard, 0)) > 0) {
		heard += (size_t)n;
		pump();
	}
	ok(n == 0 && heard == i && memcmp(in, out, i) == 0, "what was written before a close arrives (%zu of %zu)",
	   heard, i);
	close(far[1]);
	pump();
	ok(relays.count == 0, "no relay is left");
}

/* A relay that stands still is in no other's way and costs nothing. */
static void test_still(void)
{
	int stuck[2], fine[2], i;

	join(stuck);
	while (send(stuck[0], out, 65536, MSG_NOSIGNAL) > 0)
		pump();
	join(fine);
	ok(carries(fine[0], fine[1], sizeof(out), 65536, false), "a relay beside one that stands still");
	for (i = 0; i < 3; i++)
		loop_once(loop, 0, NULL);
	uint64_t start = loop_now();

	loop_once(loop, 50000, NULL);
	ok(loop_now() - start >= 45000, "the loop sleeps");
	close(stuck[0]);
	close(stuck[1]);
	close(fine[0]);
	close(fine[1]);
	pump();
	ok(relays.count == 0, "no relay is left");
}

int main(void)
{
	loop = loop_new(NULL);
	relays_init(&relays, loop);
	test_ports();
	test_forwards();
	test_relay();
	test_still();
	loop_free(loop);
	return tap_done();
}
