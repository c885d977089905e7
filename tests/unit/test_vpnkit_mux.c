/* Channels in a stream: two multiplexers that talk through memory, a peer of bytes, and pumps between sockets. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io.h"
#include "tap.h"
#include "vpnkit_link.h"

/* An end of a channel that remembers what it heard, and takes no more than it may. */
struct end {
	struct vpnkit_channel *channel;
	struct buf got;
	size_t takes;
	int ended, closed, lost, rooms;
};

static struct end accepted;

static size_t end_data(struct vpnkit_channel *c, const uint8_t *bytes, size_t n)
{
	struct end *e = c->data;

	if (n > e->takes)
		n = e->takes;
	e->takes -= n;
	buf_add(&e->got, bytes, n);
	return n;
}

static void end_ended(struct vpnkit_channel *c)
{
	((struct end *)c->data)->ended++;
}

static void end_closed(struct vpnkit_channel *c)
{
	((struct end *)c->data)->closed++;
}

static void end_lost(struct vpnkit_channel *c)
{
	((struct end *)c->data)->lost++;
}

static void end_room(struct vpnkit_channel *c)
{
	((struct end *)c->data)->rooms++;
}

static const struct vpnkit_channel_handler end_handler = {
	.data = end_data,
	.ended = end_ended,
	.closed = end_closed,
	.lost = end_lost,
	.room = end_room,
};

static void end_set(struct end *e, struct vpnkit_channel *c)
{
	e->channel = c;
	c->handler = &end_handler;
	c->data = e;
}

static void peer_opened(struct vpnkit_mux *m, struct vpnkit_channel *c, const struct vpnkit_destination *to)
{
	(void)m;
	buf_free(&accepted.got);
	accepted = (struct end){ .takes = SIZE_MAX };
	end_set(&accepted, c);
	ok(to->proto == VPNKIT_TCP && to->port == 80, "the destination comes with it");
	vpnkit_channel_accept(c);
}

static const struct vpnkit_mux_handler handler = { .opened = peer_opened };
static const struct vpnkit_destination web = { .proto = VPNKIT_TCP, .ip = { 4, { 127, 0, 0, 1 } }, .port = 80 };

/* What a has to say goes to b, in pieces of this many bytes. */
static int carry(struct vpnkit_mux *a, struct vpnkit_mux *b, size_t piece)
{
	while (a->out.len > 0) {
		size_t n = a->out.len < piece ? a->out.len : piece;
		_cleanup_free_ uint8_t *copy = malloc(n);

		memcpy(copy, buf_bytes(&a->out), n);
		vpnkit_mux_sent(a, n);
		if (vpnkit_mux_input(b, copy, n, NULL) < 0)
			return -1;
	}
	return 0;
}

static int talk(struct vpnkit_mux *a, struct vpnkit_mux *b, size_t piece)
{
	while (a->out.len > 0 || b->out.len > 0)
		if (carry(a, b, piece) < 0 || carry(b, a, piece) < 0)
			return -1;
	return 0;
}

/* --- a connection ---------------------------------------------------------------------------------------------------
 */

static void test_connection(bool handshake, size_t piece)
{
	struct vpnkit_mux host = { .handler = &handler, .connected = true }, guest = { .handler = &handler };
	struct end e = { .takes = SIZE_MAX };

	vpnkit_mux_init(&host, handshake);
	vpnkit_mux_init(&guest, handshake);
	end_set(&e, vpnkit_mux_open(&host, &web, NULL));
	ok(e.channel->id == UINT32_MAX, "who connected counts down");
	ok(vpnkit_channel_send(e.channel, "x", 1) == 0, "nothing is sent before it is allowed");
	ok(talk(&host, &guest, piece) == 0 && guest.count == 1, "the peer has it");
	ok(e.rooms == 1, "the peer's Window makes room");
	ok(vpnkit_channel_send(e.channel, "request", 7) == 7, "a request");
	vpnkit_channel_shutdown(e.channel);
	talk(&host, &guest, piece);
	ok_str(buf_text(&accepted.got), "request", "arrives");
	ok(accepted.ended == 1 && accepted.closed == 0, "and its end, and no more");
	ok(vpnkit_channel_send(accepted.channel, "answer", 6) == 6, "the answer comes after that");
	vpnkit_channel_close(accepted.channel);
	talk(&host, &guest, piece);
	ok_str(buf_text(&e.got), "answer", "whole");
	ok(e.ended == 1 && e.closed == 1 && host.count == 1 && guest.count == 1,
	   "closed by one side, it is still there");
	vpnkit_channel_close(e.channel);
	ok(host.count == 0, "closed by both, it is gone");
	talk(&host, &guest, piece);
	ok(guest.count == 0 && host.out.data == NULL, "on both sides");
	buf_free(&e.got);
	vpnkit_mux_free(&host);
	vpnkit_mux_free(&guest);
}

static void test_refused(void)
{
	static const struct vpnkit_mux_handler none = { 0 };
	struct vpnkit_mux host = { .handler = &none, .connected = true }, guest = { .handler = &none };
	struct end e = { .takes = SIZE_MAX };

	vpnkit_mux_init(&host, false);
	vpnkit_mux_init(&guest, false);
	end_set(&e, vpnkit_mux_open(&host, &web, NULL));
	talk(&host, &guest, 5);
	ok(e.closed == 1 && e.ended == 1 && e.rooms == 0, "a channel that nobody takes is closed");
	vpnkit_channel_close(e.channel);
	talk(&host, &guest, 5);
	ok(host.count == 0 && guest.count == 0, "and forgotten");
	vpnkit_mux_free(&host);
	vpnkit_mux_free(&guest);
}

/* --- flow control ---------------------------------------------------------------------------------------------------
 */

static void test_window(void)
{
	static uint8_t much[512 * 1024];
	struct vpnkit_mux host = { .handler = &handler, .connected = true }, guest = { .handler = &handler };
	struct end e = { .takes = SIZE_MAX };
	size_t sent, all;

	vpnkit_mux_init(&host, false);
	vpnkit_mux_init(&guest, false);
	end_set(&e, vpnkit_mux_open(&host, &web, NULL));
	talk(&host, &guest, SIZE_MAX);
	accepted.takes = 0; /* a reader that does not read */
	sent = vpnkit_channel_send(e.channel, much, sizeof(much));
	talk(&host, &guest, 4096);
	ok(sent == VPNKIT_WINDOW_FIRST && accepted.channel->kept.len == sent, "a slow reader costs one window");
	ok(vpnkit_channel_send(e.channel, much, 1) == 0, "and no more");
	accepted.takes = sent / 4;
	vpnkit_channel_pull(accepted.channel);
	talk(&host, &guest, 4096);
	ok(e.rooms == 0, "a quarter taken allows nothing");
	accepted.takes = SIZE_MAX;
	vpnkit_channel_pull(accepted.channel);
	talk(&host, &guest, 4096);
	ok(e.rooms == 1 && accepted.got.len == sent, "all taken allows more");
	for (all = 0; all < 64; all++) {
		vpnkit_channel_send(e.channel, much, sizeof(much));
		talk(&host, &guest, SIZE_MAX);
	}
	ok(accepted.channel->window == VPNKIT_WINDOW_MAX, "the window grows as far as it may");
	vpnkit_channel_close(e.channel);
	accepted.takes = 0;
	talk(&host, &guest, SIZE_MAX);
	ok(accepted.closed == 1 && accepted.ended == 1, "its end is told");
	vpnkit_channel_close(accepted.channel);
	talk(&host, &guest, SIZE_MAX);
	ok(host.count + guest.count == 0 && guest.kept == 0, "nothing is left");
	vpnkit_mux_free(&host);
	vpnkit_mux_free(&guest);
}

/* Two senders and a stream that takes nothing: whoever asked first has room first. */
static void test_turns(void)
{
	static uint8_t much[VPNKIT_OUT];
	struct vpnkit_mux host = { .handler = &handler, .connected = true }, guest = { .handler = &handler };
	struct end a = { .takes = SIZE_MAX }, b = { .takes = SIZE_MAX };
	size_t n;

	vpnkit_mux_init(&host, false);
	vpnkit_mux_init(&guest, false);
	end_set(&a, vpnkit_mux_open(&host, &web, NULL));
	end_set(&b, vpnkit_mux_open(&host, &web, NULL));
	talk(&host, &guest, SIZE_MAX);
	a.channel->may_send = b.channel->may_send = 1ull << 40;
	n = vpnkit_channel_send(a.channel, much, sizeof(much));
	ok(n < sizeof(much) && n > sizeof(much) / 2, "one fills what may wait to be sent");
	ok(vpnkit_channel_send(b.channel, "b", 1) == 0, "the other has to wait");
	a.rooms = b.rooms = 0;
	vpnkit_mux_sent(&host, 100);
	ok(a.rooms + b.rooms == 0, "until it is half empty");
	vpnkit_mux_sent(&host, host.out.len);
	ok(a.rooms == 1 && b.rooms == 1, "then both hear of it");
	vpnkit_mux_free(&host);
	vpnkit_mux_free(&guest);
}

/* --- what a peer may not do ------------------------------------------------------------------------------------------
 */

static void test_hostile(void)
{
#define OPEN   17, 0, 1, 1, 0, 0, 0, 2, 1, 4, 0, 127, 0, 0, 1, 80, 0
#define CLOSE  7, 0, 2, 1, 0, 0, 0
#define SHUT   7, 0, 3, 1, 0, 0, 0
#define WINDOW 15, 0, 5, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0
#define DATA_3 11, 0, 4, 1, 0, 0, 0, 3, 0, 0, 0, 'a', 'b', 'c'
	static const struct {
		const char *name;
		int r;
		uint8_t bytes[80];
		size_t n, got;
	} rows[] = {
		{ "data for nobody is thrown away", 0, { DATA_3, OPEN, DATA_3 }, 14 + 17 + 14, 3 },
		{ "window and shutdown for nobody are thrown away", 0, { WINDOW, SHUT, OPEN }, 15 + 7 + 17, 0 },
		{ "close of nobody ends the stream", -1, { CLOSE }, 7, 0 },
		{ "close twice ends the stream", -1, { OPEN, CLOSE, CLOSE }, 17 + 7 + 7, 0 },
		{ "open twice ends the stream", -1, { OPEN, OPEN }, 34, 0 },
		{ "data after shutdown is thrown away", 0, { OPEN, SHUT, DATA_3, CLOSE }, 17 + 7 + 14 + 7, 0 },
		{ "more data than allowed ends the stream",
		  -1,
		  { OPEN, 11, 0, 4, 1, 0, 0, 0, 1, 0, 1, 0 },
		  17 + 11,
		  0 },
		{ "4 GiB of data end the stream", -1, { OPEN, 11, 0, 4, 1, 0, 0, 0, 255, 255, 255, 255 }, 17 + 11, 0 },
		{ "a dedicated connection inside ends the stream",
		  -1,
		  { 17, 0, 1, 1, 0, 0, 0, 1, 1, 4, 0, 127, 0, 0, 1, 80, 0 },
		  17,
		  0 },
	};
	size_t i;

	for (i = 0; i < array_len(rows); i++) {
		struct vpnkit_mux m = { .handler = &handler };
		_cleanup_error_ struct error e = { 0 };
		int r;

		buf_free(&accepted.got);
		accepted = (struct end){ 0 };
		vpnkit_mux_init(&m, false);
		r = vpnkit_mux_input(&m, rows[i].bytes, rows[i].n, &e);
		ok(r == rows[i].r && accepted.got.len == rows[i].got && (r == 0 || e.msg), "%s", rows[i].name);
		vpnkit_mux_fail(&m);
		ok(m.count == 0 && (!accepted.channel || accepted.lost == 1), "and everybody hears of the end");
		vpnkit_mux_free(&m);
	}
	buf_free(&accepted.got);
}

static void test_limit(void)
{
	static const uint8_t open_tcp[] = { OPEN };
	struct vpnkit_mux m = { .handler = &handler, .limit = 2 };
	uint8_t bytes[sizeof(open_tcp)];
	uint32_t i;
	int r = 0;

	vpnkit_mux_init(&m, false);
	memcpy(bytes, open_tcp, sizeof(bytes));
	for (i = 0; i < 4; i++) {
		bytes[3] = (uint8_t)i;
		r |= vpnkit_mux_input(&m, bytes, sizeof(bytes), NULL);
	}
	ok(r == 0 && m.opened == 4 && m.count == 4, "two more than the limit are refused");
	bytes[3] = 9;
	ok(vpnkit_mux_input(&m, bytes, sizeof(bytes), NULL) == -1, "one that goes on ends the stream");
	ok(!vpnkit_mux_open(&m, &web, NULL), "and there is room for none of ours");
	vpnkit_mux_fail(&m);
	vpnkit_mux_free(&m);
}

/* --- sockets -------------------------------------------------------------------------------------------------------
 */

static struct loop *loop;
static int backend = -1; /* the far end of what the guest connects to */
static size_t pumps;
static int lost;

static void guest_opened(struct vpnkit_mux *m, struct vpnkit_channel *c, const struct vpnkit_destination *to)
{
	int pair[2];

	(void)m;
	(void)to;
	socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair);
	backend = pair[1];
	vpnkit_pump_start(loop, c, pair[0], &pumps, NULL);
}

static void link_lost(struct vpnkit_link *l, const struct error *why)
{
	(void)l;
	(void)why;
	lost++;
}

static void rounds(int n)
{
	while (n-- > 0)
		loop_once(loop, 0, NULL);
}

/* Bytes of the one end, all of which have to arrive at the other. */
static size_t through(int from, int to, size_t total)
{
	static char chunk[60000];
	size_t sent = 0, got = 0, idle = 0;

	while (got < total && idle < 1000) {
		ssize_t n = sent < total
			? send(from, chunk, total - sent < sizeof(chunk) ? total - sent : sizeof(chunk),
			       MSG_DONTWAIT | MSG_NOSIGNAL)
			: 0;

		sent += n > 0 ? (size_t)n : 0;
		if (sent == total)
			shutdown(from, SHUT_WR);
		rounds(1);
		n = recv(to, chunk, sizeof(chunk), MSG_DONTWAIT);
		got += n > 0 ? (size_t)n : 0;
		idle = n > 0 ? 0 : idle + 1;
	}
	rounds(10);
	return recv(to, chunk, 1, MSG_DONTWAIT) == 0 ? got : 0; /* and the end */
}

static void test_pumps(void)
{
	static const struct vpnkit_mux_handler guest_handler = { .opened = guest_opened }, host_handler = { 0 };
	struct vpnkit_link host = { .lost = link_lost, .mux = { .handler = &host_handler, .connected = true } };
	struct vpnkit_link guest = { .lost = link_lost, .mux = { .handler = &guest_handler } };
	int wire[2], client[2];

	loop = loop_new(NULL);
	socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, wire);
	ok(vpnkit_link_start(&host, loop, wire[0], true, NULL, 0, NULL) == 0 &&
		   vpnkit_link_start(&guest, loop, wire[1], true, NULL, 0, NULL) == 0,
	   "two links");
	rounds(4);
	ok(host.mux.greeted && guest.mux.greeted && host.mux.dedicated, "greet each other");
	socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, client);
	vpnkit_pump_start(loop, vpnkit_mux_open(&host.mux, &web, NULL), client[0], &pumps, NULL);
	rounds(4);
	ok(backend >= 0 && pumps == 2, "a connection through them");
	ok(through(client[1], backend, 8 << 20) == 8 << 20, "8 MiB and their end, there");
	ok(pumps == 2, "it stays half open");
	ok(through(backend, client[1], 8 << 20) == 8 << 20, "8 MiB and their end, back");
	ok(pumps == 0 && host.mux.count == 0 && guest.mux.count == 0, "then it is gone");
	close(client[1]);
	close(backend);

	/* One that goes away without a word, with bytes on their way. */
	socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, client);
	vpnkit_pump_start(loop, vpnkit_mux_open(&host.mux, &web, NULL), client[0], &pumps, NULL);
	rounds(4);
	send(client[1], "last words", 10, MSG_NOSIGNAL);
	close(client[1]);
	rounds(10);
	{
		char text[16] = "";

		ok(recv(backend, text, sizeof(text), MSG_DONTWAIT) == 10, "the last words arrive");
		ok(recv(backend, text, sizeof(text), MSG_DONTWAIT) == 0, "and the end");
	}
	close(backend);
	rounds(10);
	ok(pumps == 0, "it is gone as well");

	/* The stream itself ends. */
	socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, client);
	vpnkit_pump_start(loop, vpnkit_mux_open(&host.mux, &web, NULL), client[0], &pumps, NULL);
	rounds(4);
	vpnkit_link_stop(&host);
	rounds(4);
	ok(pumps == 0 && lost == 1, "without the stream nobody goes on");
	vpnkit_link_stop(&guest);
	close(client[1]);
	close(backend);
	loop_free(loop);
}

int main(void)
{
	test_connection(false, SIZE_MAX);
	test_connection(true, SIZE_MAX);
	test_connection(false, 1);
	test_connection(true, 1);
	test_refused();
	test_window();
	test_turns();
	test_hostile();
	test_limit();
	test_pumps();
	return tap_done();
}
