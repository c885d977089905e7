/* Much traffic through the vsock device: a small guest that keeps to the rules, many connections opened by either side,
 * random sizes, half-closes in random order; every byte is checked by its place. And ten thousand connections at once.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"
#include "unixsock.h"
#include "vsock_driver.h"

enum { HOST_PORT = 5, GUEST_PORT = 1000, GUEST_ALLOC = 65536 };

enum phase { FREE, OPENING, OPEN, ENDED };

struct pair {
	enum phase phase;
	bool by_guest;
	int fd; /* the host's end */
	uint32_t guest_port, host_port;
	/* what each side sends in all, has sent, has heard */
	uint64_t host_size, guest_size, host_sent, guest_sent, host_heard, guest_heard;
	bool host_shut, guest_shut, host_eof, guest_eof;
	/* the guest's end of the credit */
	uint32_t peer_alloc, peer_fwd, tx_cnt, rx_cnt, fwd, told;
	bool tell, over;
};

static struct drv d;
static struct pair *pairs;
static size_t pair_count;
static uint64_t state_word = 88172645463325252ULL;
static uint8_t payload[65536], chunk[65536];
static const char *wrong;

static uint64_t draw(void)
{
	state_word ^= state_word << 13;
	state_word ^= state_word >> 7;
	state_word ^= state_word << 17;
	return state_word;
}

static uint8_t byte_at(const struct pair *p, uint64_t at, bool from_host)
{
	return (uint8_t)((at + (uint64_t)(p - pairs) * 31 + from_host) * 167 >> 3);
}

static struct pair *find(uint32_t guest_port, uint32_t host_port)
{
	size_t i;

	for (i = 0; i < pair_count; i++)
		if (pairs[i].phase != FREE && !pairs[i].over && pairs[i].guest_port == guest_port &&
		    pairs[i].host_port == host_port)
			return &pairs[i];
	return NULL;
}

static bool packet(struct pair *p, uint16_t op, uint32_t flags, uint32_t len)
{
	struct vsock_header h = drv_header(p->guest_port, p->host_port, op);

	h.flags = flags;
	h.len = len;
	h.buf_alloc = GUEST_ALLOC;
	h.fwd_cnt = p->fwd;
	if (!drv_packet_quiet(&d, &h, chunk))
		return false;
	p->told = p->fwd;
	p->tell = false;
	return true;
}

/* One that cannot wait. */
static bool packet_now(struct pair *p, uint16_t op)
{
	int tries;

	for (tries = 0; tries < 100; tries++) {
		if (packet(p, op, 0, 0))
			return true;
		drv_kick(&d, &d.rings[VSOCK_TX]);
		pump(&d);
	}
	return false;
}

/* --- the guest ---------------------------------------------------------------------------------------------------- */

static void guest_hears(void)
{
	struct vsock_header h;
	struct pair *p;
	uint32_t i;

	while (drv_poll(&d, &h, payload)) {
		p = find(h.dst_port, h.op == VSOCK_OP_REQUEST ? 0 : h.src_port);
		if (!p) {
			if (h.op != VSOCK_OP_RST && h.op != VSOCK_OP_SHUTDOWN)
				wrong = "a packet for nobody";
			continue;
		}
		p->peer_alloc = h.buf_alloc;
		p->peer_fwd = h.fwd_cnt;
		switch (h.op) {
		case VSOCK_OP_REQUEST:
			p->host_port = h.src_port;
			p->phase = OPEN;
			if (!packet_now(p, VSOCK_OP_RESPONSE))
				wrong = "no place for RESPONSE";
			break;
		case VSOCK_OP_RESPONSE:
			p->phase = OPEN;
			break;
		case VSOCK_OP_RW:
			for (i = 0; i < h.len; i++)
				if (payload[i] != byte_at(p, p->guest_heard + i, true))
					wrong = "other bytes for the guest";
			p->guest_heard += h.len;
			p->rx_cnt += h.len;
			if (p->rx_cnt - p->fwd > GUEST_ALLOC)
				wrong = "more than the guest has room for";
			break;
		case VSOCK_OP_SHUTDOWN:
			if (h.flags & VSOCK_SHUT_SEND)
				p->guest_eof = true;
			if (h.flags == VSOCK_SHUT_BOTH && !p->over) {
				p->over = packet_now(p, VSOCK_OP_RST);
				if (!p->over)
					wrong = "no place for RST";
			}
			break;
		case VSOCK_OP_CREDIT_REQUEST:
			p->tell = true;
			break;
		case VSOCK_OP_RST:
			p->over = true;
			if (!p->guest_shut || !p->guest_eof)
				wrong = "reset";
			break;
		}
	}
}

static void guest_acts(struct pair *p)
{
	uint32_t room, len, i;

	if (p->phase != OPEN || p->over)
		return;
	/* reads in its own time */
	if (p->rx_cnt != p->fwd && draw() % 3 == 0)
		p->fwd = p->rx_cnt;
	if (p->tell || p->fwd - p->told > GUEST_ALLOC / 2)
		packet(p, VSOCK_OP_CREDIT_UPDATE, 0, 0);
	if (p->guest_sent < p->guest_size && draw() % 2) {
		room = p->peer_alloc - (p->tx_cnt - p->peer_fwd);
		len = (uint32_t)(draw() % 20000 + 1);
		len = len < room ? len : room;
		len = len < p->guest_size - p->guest_sent ? len : (uint32_t)(p->guest_size - p->guest_sent);
		for (i = 0; i < len; i++)
			chunk[i] = byte_at(p, p->guest_sent + i, false);
		if (len > 0 && packet(p, VSOCK_OP_RW, 0, len)) {
			p->guest_sent += len;
			p->tx_cnt += len;
		}
	}
	if (p->guest_sent == p->guest_size && !p->guest_shut && draw() % 2)
		p->guest_shut = packet(p, VSOCK_OP_SHUTDOWN, VSOCK_SHUT_SEND, 0);
}

/* --- the host --------------------------------------------------------------------------------------------------- */

static void host_acts(struct pair *p)
{
	ssize_t n, i;

	if (p->fd < 0)
		return;
	if (p->host_sent < p->host_size && draw() % 2) {
		size_t len = draw() % 20000 + 1;

		if (len > p->host_size - p->host_sent)
			len = (size_t)(p->host_size - p->host_sent);
		for (i = 0; i < (ssize_t)len; i++)
			chunk[i] = byte_at(p, p->host_sent + (uint64_t)i, true);
		n = send(p->fd, chunk, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0)
			p->host_sent += (uint64_t)n;
		else if (errno != EAGAIN)
			wrong = "host cannot write";
	}
	if (p->host_sent == p->host_size && !p->host_shut && draw() % 2) {
		p->host_shut = true;
		shutdown(p->fd, SHUT_WR);
	}
	if (!p->host_eof && draw() % 3 == 0) {
		n = recv(p->fd, chunk, draw() % sizeof(chunk) + 1, MSG_DONTWAIT);
		for (i = 0; i < n; i++)
			if (chunk[i] != byte_at(p, p->host_heard + (uint64_t)i, false))
				wrong = "other bytes for the host";
		if (n > 0)
			p->host_heard += (uint64_t)n;
		p->host_eof = n == 0;
		if (n < 0 && errno != EAGAIN)
			wrong = "host cannot read";
	}
	if (p->host_eof && p->host_shut) {
		close(p->fd);
		p->fd = -1;
	}
}

/* --- pairs ------------------------------------------------------------------------------------------------------- */

static bool pair_open(struct pair *p, int listener, uint32_t port, uint64_t size)
{
	int tries;

	*p = (struct pair){ .phase = OPENING, .fd = -1, .by_guest = draw() % 2 };
	p->host_size = draw() % (size + 1);
	p->guest_size = draw() % (size + 1);
	if (p->by_guest) {
		p->guest_port = port;
		p->host_port = HOST_PORT;
		if (!packet(p, VSOCK_OP_REQUEST, 0, 0)) { /* the ring is full: another time, with the same port */
			p->phase = FREE;
			return false;
		}
		drv_kick(&d, &d.rings[VSOCK_TX]);
		pump(&d);
		p->fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
		if (p->fd < 0)
			wrong = "the guest's connection does not arrive";
	} else {
		p->guest_port = GUEST_PORT;
		p->fd = host_connect(&d, "guest.000003e8", SOCK_STREAM);
		for (tries = 0; tries < 100 && p->phase != OPEN; tries++) {
			guest_hears();
			pump(&d);
		}
		if (p->fd < 0 || p->phase != OPEN)
			wrong = "the host's connection does not arrive";
	}
	return true;
}

static bool pair_done(const struct pair *p)
{
	return p->over && p->fd < 0 && p->host_eof && p->guest_eof && p->host_heard == p->guest_size &&
		p->guest_heard == p->host_size;
}

static void run_traffic(size_t count, size_t total, uint64_t size, const struct drv_options *o, const char *name)
{
	size_t done = 0, opened = 0, i, round;
	int listener;

	pairs = calloc(count, sizeof(*pairs));
	pair_count = count;
	wrong = NULL;
	drv_open(&d, "1000");
	drv_start(&d, o);
	listener = host_listen(&d, "00000002.00000005", SOCK_STREAM, 128);
	fcntl(listener, F_SETFL, O_NONBLOCK);
	for (round = 0; done < total && !wrong && round < 2000000; round++) {
		for (i = 0; i < count && !wrong; i++) {
			struct pair *p = &pairs[i];

			if (p->phase != FREE && pair_done(p)) {
				p->phase = FREE;
				done++;
			}
			if (p->phase == FREE && opened < total && !find(GUEST_PORT, 0) &&
			    pair_open(p, listener, (uint32_t)(100000 + opened), size))
				opened++;
			guest_acts(p);
			host_acts(p);
		}
		drv_kick(&d, &d.rings[VSOCK_TX]);
		loop_once(d.loop, 0, NULL);
		loop_once(d.loop, 0, NULL);
		guest_hears();
	}
	ok(done == total && !wrong, "%s: %zu of %zu connections, %zu at once%s%s", name, done, total, count,
	   wrong ? ": " : "", wrong ? wrong : "");
	pump(&d);
	guest_hears();
	pump(&d);
	ok(d.dev->conns.total == 0, "%s: none is left in the device (%zu)", name, d.dev->conns.total);
	close(listener);
	for (i = 0; i < count; i++)
		if (pairs[i].phase != FREE && pairs[i].fd >= 0)
			close(pairs[i].fd);
	drv_close(&d);
	free(pairs);
}

/* The clients' process: opens them all, hears a byte on each, says one on each, and ends with its input. */
static void many_clients(size_t count, int tell, int wait)
{
	struct sockaddr_un a;
	int *fds = calloc(count, sizeof(*fds));
	size_t i, heard = 0;
	char byte;

	unixsock_address(&a, -1, d.dir, "guest.000003e8");
	for (i = 0; i < count; i++) {
		fds[i] = socket(AF_UNIX, SOCK_STREAM, 0);
		if (connect(fds[i], (struct sockaddr *)&a, sizeof(a)) < 0)
			_exit(2);
	}
	for (i = 0; i < count; i++)
		heard += read(fds[i], &byte, 1) == 1 && byte == 'x';
	for (i = 0; i < count; i++)
		heard += write(fds[i], "y", 1) == 1;
	if (write(tell, &heard, sizeof(heard)) < 0 || read(wait, &byte, 1) < 0)
		_exit(3);
	_exit(0);
}

static void test_many(size_t count)
{
	struct rlimit files = { count + 1000, count + 1000 };
	struct vsock_header h, g;
	size_t opened = 0, heard = 0, said = 0, most = 0;
	int tell[2], wait[2];
	uint64_t start = loop_now();
	pid_t pid;

	setrlimit(RLIMIT_NOFILE, &files); /* what is allowed may be enough */
	drv_open(&d, "1000");
	drv_start(&d, &(struct drv_options){ .event_idx = true });
	ok(pipe2(tell, O_NONBLOCK) == 0 && pipe(wait) == 0, "pipes");
	pid = fork();
	if (pid == 0) {
		close(wait[1]);
		many_clients(count, tell[1], wait[0]);
	}
	close(tell[1]);
	close(wait[0]);
	while (heard < count && loop_now() - start < 60000000) {
		loop_once(d.loop, 10000, NULL);
		while (drv_poll(&d, &h, payload)) {
			heard += h.op == VSOCK_OP_RW && h.len == 1;
			if (h.op != VSOCK_OP_REQUEST)
				continue;
			g = drv_header(GUEST_PORT, h.src_port, VSOCK_OP_RESPONSE);
			drv_packet(&d, &g, NULL);
			opened++;
			/* the first byte when all are there */
			pairs[opened - 1].host_port = h.src_port;
		}
		if (d.dev->conns.table.count > most)
			most = d.dev->conns.table.count;
		for (; opened == count && said < count; said++) {
			g = drv_header(GUEST_PORT, pairs[said].host_port, VSOCK_OP_RW);
			g.len = 1;
			if (!drv_packet(&d, &g, "x"))
				break;
		}
	}
	ok(most == count, "%zu connections open at once", most);
	ok(heard == count, "a byte from each of them arrives (%zu)", heard);
	ok(poll(&(struct pollfd){ .fd = tell[0], .events = POLLIN }, 1, 60000) == 1 &&
		   read(tell[0], &heard, sizeof(heard)) == sizeof(heard) && heard == 2 * count,
	   "and one at each of them");
	close(wait[1]);
	while (d.dev->conns.total > 0 && loop_now() - start < 90000000) {
		loop_once(d.loop, 10000, NULL);
		while (drv_poll(&d, &h, payload)) {
			g = drv_header(GUEST_PORT, h.src_port, VSOCK_OP_RST);
			if (h.op == VSOCK_OP_SHUTDOWN && h.flags == VSOCK_SHUT_BOTH)
				drv_packet(&d, &g, NULL);
		}
	}
	ok(d.dev->conns.total == 0, "all of them end (%zu left)", d.dev->conns.total);
	waitpid(pid, NULL, 0);
	close(tell[0]);
	drv_close(&d);
}

/* An argument is the seed of another course of events. */
int main(int argc, char **argv)
{
	if (argc > 1)
		state_word ^= strtoull(argv[1], NULL, 10) << 20;
	run_traffic(1, 300, 300000, &(struct drv_options){ 0 }, "one by one");
	run_traffic(40, 400, 200000, &(struct drv_options){ .event_idx = true }, "split");
	run_traffic(40, 400, 200000, &(struct drv_options){ .packed = true, .event_idx = true }, "packed");
	run_traffic(40, 200, 200000, &(struct drv_options){ .indirect = true, .ring_size = 16 }, "small ring");
	run_traffic(20, 100, 200000,
		    &(struct drv_options){ .packed = true, .indirect = true, .rx_size = 70000, .ring_size = 32 },
		    "large buffers");
	pairs = calloc(10000, sizeof(*pairs));
	test_many(10000);
	free(pairs);
	return tap_done();
}
