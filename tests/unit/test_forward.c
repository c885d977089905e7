/* host/forward: ports of the host to guests of each of VPNKit's generations, in one process: the guest's forwarder is a
 * few lines here, on a Unix socket where the vsock device would have one. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host_policy.h"
#include "io.h"
#include "listener.h"
#include "str.h"
#include "tap.h"
#include "tunnel.h"
#include "unixsock.h"

static struct loop *loop;
static struct tunnel tunnel;
static struct forwards ports;
static struct allow allow;
static struct host_policy policy = { .allow = &allow, .dir = "/nowhere", .state = -1 };

/* --- the guest ---------------------------------------------------------------------------------------------------- */

/* OURS: all of them; NOBODY: connections end at once */
enum guest { NOBODY, DEDICATED, MULTIPLEXED, HANDSHAKE, OURS };

enum { CONNS = 512 };

/* A connection of the host: its own bytes go back as they came, and so do those of its channels. */
struct conn {
	struct loop_io io;
	struct vpnkit_link link;
	struct buf first;
	bool mine; /* of the bytes behind a destination */
};

static struct {
	enum guest kind;
	struct listener listener;
	struct conn *conns[CONNS];
	size_t count;
} guest;

static size_t echo_data(struct vpnkit_channel *c, const uint8_t *bytes, size_t n)
{
	return vpnkit_channel_send(c, bytes, n);
}

static void echo_ended(struct vpnkit_channel *c)
{
	vpnkit_channel_shutdown(c);
}

static void echo_closed(struct vpnkit_channel *c)
{
	vpnkit_channel_close(c);
}

static const struct vpnkit_channel_handler echo = {
	.data = echo_data,
	.ended = echo_ended,
	.closed = echo_closed,
	.lost = echo_closed,
	.room = vpnkit_channel_pull,
};

static void channel_opened(struct vpnkit_mux *m, struct vpnkit_channel *c, const struct vpnkit_destination *to)
{
	(void)m;
	(void)to;
	c->handler = &echo;
	vpnkit_channel_accept(c);
}

static void link_lost(struct vpnkit_link *l, const struct error *why)
{
	(void)l;
	(void)why;
}

static void conn_link(struct conn *c, size_t used)
{
	static const struct vpnkit_mux_handler handler = { .opened = channel_opened };
	int fd = c->io.fd;

	loop_io_remove(&c->io);
	c->io.fd = -1;
	c->link = (struct vpnkit_link){ .mux = { .handler = &handler }, .lost = link_lost };
	vpnkit_link_start(&c->link, loop, fd, false, buf_bytes(&c->first) + used, c->first.len - used, NULL);
}

static void conn_end(struct conn *c)
{
	loop_io_remove(&c->io);
	close(c->io.fd);
	c->io.fd = -1;
}

/* A hello as VPNKit's own programs send it. */
static void conn_greet(struct conn *c, bool ours)
{
	_cleanup_buf_ struct buf b = { 0 };
	bool dedicated;
	size_t used;

	if (vpnkit_hello_parse(buf_bytes(&c->first), c->first.len, &dedicated, &used, NULL) <= 0)
		return;
	if (ours)
		vpnkit_hello_add(&b);
	else
		buf_add(&b, VPNKIT_MAGIC "\0", strlen(VPNKIT_MAGIC) + 2);
	io_write(c->io.fd, buf_bytes(&b), b.len);
	conn_link(c, used);
}

static void conn_begin(struct conn *c)
{
	struct vpnkit_destination to;
	enum vpnkit_generation g;
	size_t used;

	if (vpnkit_detect(buf_bytes(&c->first), c->first.len, &g) <= 0)
		return;
	if (g == VPNKIT_HANDSHAKE) {
		if (guest.kind == MULTIPLEXED)
			conn_end(c);
		else if (guest.kind != DEDICATED)
			conn_greet(c, guest.kind == OURS);
	} else if (g == VPNKIT_MULTIPLEXED) {
		conn_link(c, 0);
	} else if (vpnkit_destination_parse(buf_bytes(&c->first), c->first.len, &to, &used, NULL) > 0) {
		c->mine = true;
		io_write(c->io.fd, buf_bytes(&c->first) + used, c->first.len - used);
	}
}

static void conn_ready(struct loop_io *io, uint32_t events)
{
	struct conn *c = io->data;
	uint8_t bytes[4096];
	ssize_t n = recv(io->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	(void)events;
	if (n <= 0) {
		conn_end(c);
	} else if (c->mine) {
		io_write(io->fd, bytes, (size_t)n);
	} else {
		buf_add(&c->first, bytes, (size_t)n);
		conn_begin(c);
	}
}

static void conn_accepted(struct listener *l, int fd, const struct sockaddr *from)
{
	struct conn *c = calloc(1, sizeof(*c));

	(void)l;
	(void)from;
	c->io = (struct loop_io){ .fd = fd, .events = EPOLLIN, .fn = conn_ready, .data = c };
	guest.conns[guest.count++] = c;
	if (guest.kind == NOBODY) {
		close(fd);
		c->io.fd = -1;
		return;
	}
	loop_io_add(loop, &c->io, NULL);
}

static void guest_start(enum guest kind)
{
	guest.kind = kind;
	guest.listener = (struct listener){ .accepted = conn_accepted };
	listener_start(&guest.listener, loop, unixsock_listen(&tunnel.address, SOCK_STREAM, 100, NULL), NULL);
}

static void guest_stop(void)
{
	listener_stop(&guest.listener);
	unlink(tunnel.address.sun_path);
	while (guest.count > 0) {
		struct conn *c = guest.conns[--guest.count];

		loop_io_remove(&c->io);
		if (c->io.fd >= 0)
			close(c->io.fd);
		vpnkit_link_stop(&c->link);
		buf_free(&c->first);
		free(c);
	}
}

/* --- clients ------------------------------------------------------------------------------------------------------ */

static void rounds(int n)
{
	while (n-- > 0)
		loop_once(loop, 1000, NULL);
}

static int client_open(int type, uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	return connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0 ? fd : -1;
}

/* Sends text and waits for as much to come back. */
static bool client_echo(int fd, const char *text)
{
	char got[64];
	size_t n = 0, want = strlen(text);

	if (send(fd, text, want, MSG_NOSIGNAL) != (ssize_t)want)
		return false;
	for (int i = 0; i < 5000 && n < want; i++) {
		ssize_t r = recv(fd, got + n, sizeof(got) - n, MSG_DONTWAIT);

		if (r == 0)
			return false;
		if (r > 0)
			n += (size_t)r;
		else
			rounds(1);
	}
	return n == want && memcmp(got, text, want) == 0;
}

static bool client_ends(int fd)
{
	char byte;
	ssize_t n = -1;

	errno = EAGAIN;
	for (int i = 0; i < 5000 && n < 0 && errno == EAGAIN; i++) {
		n = recv(fd, &byte, 1, MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN) {
			rounds(1);
			errno = EAGAIN;
		}
	}
	return n == 0 || (n < 0 && errno == ECONNRESET);
}

/* Any free port of the loopback, and which one it is. */
static uint16_t port_open(const char *proto)
{
	_cleanup_free_ char *spec = str_format("%s:127.0.0.1:0:%s:127.0.0.1:7", proto, proto);
	_cleanup_vpnkit_port_ struct vpnkit_port p = { 0 }, open = { 0 };
	_cleanup_buf_ struct buf list = { 0 };
	struct jsonr all, item;
	struct jsonr_iter it;

	if (vpnkit_port_parse(spec, strlen(spec), &p, NULL) < 0 ||
	    forwards_expose(&ports, &p, FORWARDS_USER, NULL) < 0 || forwards_list(&ports, &list) < 0 ||
	    jsonr_parse(buf_text(&list), list.len, &all, NULL) < 0)
		return 0;
	it = jsonr_iter(&all);
	while (jsonr_element(&it, &item)) {
		vpnkit_port_clear(&open);
		if (vpnkit_port_from_json(&item, &open, NULL) == 0 && open.proto == p.proto)
			return open.out_port;
	}
	return 0;
}

static void begin(enum guest kind)
{
	tunnel.way.loop = loop;
	tunnel_init(&tunnel);
	ports = (struct forwards){ .loop = loop,
				   .way = &tunnel.way,
				   .policy = &host_policy,
				   .data = &policy,
				   .udp = { .loop = loop, .way = &tunnel.way } };
	forwards_init(&ports);
	udp_init(&ports.udp, 50 * 1000, NULL);
	guest_start(kind);
}

static void end(void)
{
	forwards_close(&ports);
	tunnel_close(&tunnel);
	guest_stop();
	rounds(4);
	ok(ports.streams + ports.channels + ports.relays.count + ports.udp.count == 0, "nothing is left");
	udp_free(&ports.udp);
	tunnel = (struct tunnel){ .address = tunnel.address };
}

/* --- tests -------------------------------------------------------------------------------------------------------- */

static void test_generation(enum guest kind, unsigned generation, enum tunnel_state state)
{
	uint16_t tcp, udp;
	int a, b, c;

	begin(kind);
	tcp = port_open("tcp");
	udp = port_open("udp");
	a = client_open(SOCK_STREAM, tcp);
	b = client_open(SOCK_STREAM, tcp);
	ok(client_echo(a, "hello") && client_echo(b, "there"), "guest %u: two connections", kind);
	ok(tunnel.way.generation == generation && tunnel.state == state, "guest %u: generation %u", kind, generation);
	shutdown(a, SHUT_WR);
	ok(client_ends(a) && client_echo(b, "still"), "guest %u: one ends, the other goes on", kind);
	close(a);
	close(b);
	a = client_open(SOCK_DGRAM, udp);
	c = client_open(SOCK_DGRAM, udp);
	ok(client_echo(a, "one") && client_echo(c, "two") && client_echo(a, "three"),
	   "guest %u: datagrams of two clients", kind);
	ok(ports.udp.count == 2, "guest %u: are two flows", kind);
	for (int i = 0; i < 5000 && ports.udp.count > 0; i++)
		rounds(1);
	ok(ports.udp.count == 0, "guest %u: which end when they are quiet", kind);
	ok(client_echo(c, "again"), "guest %u: and begin anew", kind);
	close(a);
	close(c);
	end();
}

/* A datagram is what finds out. */
static void test_datagram_first(void)
{
	int fd;

	begin(HANDSHAKE);
	fd = client_open(SOCK_DGRAM, port_open("udp"));
	ok(client_echo(fd, "first") && client_echo(fd, "second"), "the first datagram waits for the guest's answer");
	close(fd);
	end();
}

static void test_restart(void)
{
	uint16_t port;
	int fd;

	begin(NOBODY);
	port = port_open("tcp");
	fd = client_open(SOCK_STREAM, port);
	ok(client_ends(fd) && ports.failed == 1, "nobody is there: the client is told");
	close(fd);
	guest_stop();
	fd = client_open(SOCK_STREAM, port);
	ok(client_ends(fd), "no socket either");
	close(fd);
	guest_start(OURS);
	fd = client_open(SOCK_STREAM, port);
	ok(client_echo(fd, "hello"), "somebody comes");
	guest_stop();
	ok(client_ends(fd), "and goes: so does the connection");
	close(fd);
	guest_start(HANDSHAKE);
	fd = client_open(SOCK_STREAM, port);
	ok(client_echo(fd, "hello") && tunnel.state == TUNNEL_CHANNELS, "another one comes, of another generation");
	close(fd);
	end();
}

/* A guest that is busy for longer than is waited for its hello is known as what it is once it has sent it. */
static void test_late(enum guest kind, enum tunnel_state state)
{
	uint16_t port;
	int fd;

	begin(DEDICATED); /* silent, as a busy one */
	port = port_open("tcp");
	fd = client_open(SOCK_STREAM, port);
	ok(client_echo(fd, "hello") && tunnel.way.generation == VPNKIT_DEDICATED, "a silent guest gets connections");
	guest.kind = kind;
	conn_begin(guest.conns[0]);
	for (int i = 0; i < 5000 && tunnel.way.generation != VPNKIT_HANDSHAKE; i++)
		rounds(1);
	ok(tunnel.way.generation == VPNKIT_HANDSHAKE && tunnel.state == state, "its late hello counts");
	ok(client_echo(fd, "still"), "what it has goes on");
	close(fd);
	fd = client_open(SOCK_STREAM, port);
	ok(client_echo(fd, "there"), "the next goes by what the hello says");
	guest_stop();
	ok(client_ends(fd), "it goes");
	for (int i = 0; i < 5000 && tunnel.state != TUNNEL_UNKNOWN; i++)
		rounds(1);
	ok(tunnel.state == TUNNEL_UNKNOWN, "and that is noticed");
	close(fd);
	end();
}

static void test_bounds(void)
{
	struct vpnkit_port p = {
		.proto = VPNKIT_UDP, .out_ip = { 4, { 127, 0, 0, 1 } }, .in_ip = { 4, { 127, 0, 0, 1 } }, .in_port = 7
	};
	_cleanup_error_ struct error e = { 0 };
	uint16_t port;
	int fds[64];

	begin(OURS);
	port = port_open("udp");
	ports.udp.idle_us = UDP_IDLE_US;
	for (size_t i = 0; i < array_len(fds); i++)
		fds[i] = client_open(SOCK_DGRAM, port);
	ok(client_echo(fds[0], "x"), "a flow");
	ports.udp.count += UDP_FLOWS - 32; /* as if there were so many others */
	for (size_t i = 1; i < array_len(fds); i++)
		ok(client_echo(fds[i], "y"), "flow %zu", i);
	ok(ports.udp.count == UDP_FLOWS, "there are as many as there may be");
	ports.udp.count -= UDP_FLOWS - 32;
	for (size_t i = 0; i < array_len(fds); i++)
		close(fds[i]);
	for (p.in_port = 8; ports.count < FORWARDS_MAX && !e.msg; p.in_port++)
		forwards_expose(&ports, &p, FORWARDS_USER, &e);
	ok(!e.msg, "as many ports as there may be");
	ok(forwards_expose(&ports, &p, FORWARDS_USER, &e) < 0 && e.code == ENOSPC, "not one more");
	ok(forwards_unexpose(&ports, &p, FORWARDS_USER, NULL) == 0, "one that is not there can be closed");
	p.in_port = 8;
	ok(forwards_unexpose(&ports, &p, FORWARDS_GUEST, NULL) < 0 && ports.count == FORWARDS_MAX,
	   "the guest closes none of the user's");
	ok(forwards_unexpose(&ports, &p, FORWARDS_USER, NULL) == 0 && ports.count == FORWARDS_MAX - 1, "the user does");
	end();
}

int main(void)
{
	char dir[] = "/tmp/test_forward.XXXXXX";

	loop = loop_new(NULL);
	ok(mkdtemp(dir) && unixsock_address(&tunnel.address, -1, dir, "guest") == 0, "a folder");
	allow_parse(ALLOW_DEFAULT, &allow, NULL);
	test_generation(OURS, VPNKIT_HANDSHAKE, TUNNEL_DEDICATED);
	test_generation(HANDSHAKE, VPNKIT_HANDSHAKE, TUNNEL_CHANNELS);
	test_generation(MULTIPLEXED, VPNKIT_MULTIPLEXED, TUNNEL_CHANNELS);
	test_generation(DEDICATED, VPNKIT_DEDICATED, TUNNEL_DEDICATED);
	test_late(OURS, TUNNEL_DEDICATED);
	test_late(HANDSHAKE, TUNNEL_CHANNELS);
	test_datagram_first();
	test_restart();
	test_bounds();
	allow_free(&allow);
	loop_free(loop);
	rmdir(dir);
	return tap_done();
}
