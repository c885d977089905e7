#include "forwarder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"

enum {
	AGAIN_US = 1000 * 1000,
	SAY_AGAIN_US = 30 * 1000 * 1000,
};

/* A multiplexed stream. One that the host has connected is gone with its connection; one that this side connects goes
 * round, for ever:
 *
 *   CONNECTING -- it stands --> LINKED -- lost --+
 *     ^     |                                    |
 *     |     +-- refused ------------------> WAITING, a second
 *     +----------------------------------------- + */
struct stream {
	struct forwarder *forwarder;
	struct list place;
	struct vpnkit_link link;
	const struct vpnkit_address *to; /* NULL: the host has connected */
	struct loop_io io;               /* while connecting */
	struct loop_timer again;         /* also ends one that the host has connected */
	uint64_t said;
	bool linked;
};

static void stream_opened(struct vpnkit_mux *m, struct vpnkit_channel *c, const struct vpnkit_destination *to)
{
	struct forwarder *f = ((struct stream *)m->data)->forwarder;

	if (to->proto == VPNKIT_UDP)
		flows_channel(&f->flows, c, to);
	else
		dial_channel(f, c, to);
}

static const struct vpnkit_mux_handler stream_handler = { .opened = stream_opened };

static void stream_free(struct stream *s)
{
	vpnkit_link_stop(&s->link);
	loop_timer_disarm(&s->again);
	loop_io_remove(&s->io);
	if (s->io.fd >= 0)
		close(s->io.fd);
	list_remove(&s->place);
	s->forwarder->stream_count--;
	free(s);
}

/* The one that was joined last and still stands, or NULL. */
static struct vpnkit_mux *streams_newest(const struct forwarder *f)
{
	struct list *at;

	for (at = f->streams.prev; at != &f->streams; at = at->prev) {
		struct stream *s = list_entry(at, struct stream, place);

		if (s->linked && !s->link.mux.failed)
			return &s->link.mux;
	}
	return NULL;
}

static void stream_lost(struct vpnkit_link *l, const struct error *why)
{
	struct stream *s = l->data;

	if (why->msg || why->code != 0)
		log_warn("the host's stream has ended: %s", error_text(why));
	else
		log_debug("the host has ended its stream");
	s->linked = false;
	listen_linked(s->forwarder, streams_newest(s->forwarder));
	if (s->to)
		loop_timer_after(s->forwarder->loop, &s->again, AGAIN_US, NULL);
	else
		stream_free(s);
}

/* fd and the first bytes are the link's. */
static int stream_link(struct stream *s, int fd, bool handshake, const void *first, size_t n, struct error *err)
{
	s->link = (struct vpnkit_link){
		.lost = stream_lost,
		.data = s,
		.mux = { .handler = &stream_handler, .data = s, .connected = s->to != NULL },
	};
	s->linked = vpnkit_link_start(&s->link, s->forwarder->loop, fd, handshake, first, n, err) == 0;
	if (!s->linked)
		return -1;
	/* the newest is the last */
	list_remove(&s->place);
	list_append(&s->forwarder->streams, &s->place);
	listen_linked(s->forwarder, streams_newest(s->forwarder));
	return 0;
}

static struct stream *stream_new(struct forwarder *f)
{
	struct stream *s = f->stream_count < STREAMS_MAX ? calloc(1, sizeof(*s)) : NULL;

	if (!s)
		return NULL;
	s->forwarder = f;
	s->io.fd = -1;
	list_append(&f->streams, &s->place);
	f->stream_count++;
	return s;
}

void stream_accept(struct forwarder *f, int fd, bool handshake, const void *first, size_t n)
{
	_cleanup_error_ struct error e = { 0 };
	struct stream *s = stream_new(f);

	if (!s) {
		log_warn("more than %d streams of the host", STREAMS_MAX);
		close(fd);
		return;
	}
	if (stream_link(s, fd, handshake, first, n, &e) < 0) {
		log_warn("a stream of the host: %s", error_text(&e));
		stream_free(s);
	}
}

/* --- connected from here ------------------------------------------------------------------------------------------ */

static void stream_dial(struct stream *s);

static void stream_again(struct loop_timer *t)
{
	struct stream *s = t->data;

	vpnkit_link_stop(&s->link);
	stream_dial(s);
}

static void stream_failed(struct stream *s, int code)
{
	uint64_t now = loop_now();

	if (s->said == 0 || now - s->said >= SAY_AGAIN_US) {
		log_warn("cannot connect to the host, tried again every second: %s", strerror(code));
		s->said = now;
	}
	loop_timer_after(s->forwarder->loop, &s->again, AGAIN_US, NULL);
}

static void stream_connected(struct stream *s, int fd)
{
	_cleanup_error_ struct error e = { 0 };

	s->said = 0;
	if (stream_link(s, fd, true, NULL, 0, &e) < 0)
		stream_failed(s, e.code);
	else
		log_debug("connected to the host");
}

static void stream_ready(struct loop_io *io, uint32_t events)
{
	struct stream *s = io->data;
	int code = 0, fd = io->fd;
	socklen_t len = sizeof(code);

	(void)events;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len) < 0)
		code = errno;
	loop_io_remove(io);
	io->fd = -1;
	if (code == 0) {
		stream_connected(s, fd);
		return;
	}
	close(fd);
	stream_failed(s, code);
}

static void stream_dial(struct stream *s)
{
	_cleanup_error_ struct error e = { 0 };

	s->io = (struct loop_io){ .events = EPOLLOUT, .fn = stream_ready, .data = s };
	s->io.fd = vpnkit_address_connect(s->to, &e);
	if (s->io.fd >= 0 && loop_io_add(s->forwarder->loop, &s->io, &e) == 0)
		return;
	if (s->io.fd >= 0)
		close(s->io.fd);
	s->io.fd = -1;
	stream_failed(s, e.code);
}

int stream_connect(struct forwarder *f, const struct vpnkit_address *to, struct error *err)
{
	struct stream *s = stream_new(f);

	if (!s)
		return error_set(err, ENOMEM, "stream");
	s->to = to;
	s->again = (struct loop_timer){ .fn = stream_again, .data = s };
	stream_dial(s);
	return 0;
}

void streams_close(struct forwarder *f)
{
	while (!list_empty(&f->streams))
		stream_free(list_entry(f->streams.next, struct stream, place));
}

void forwarder_report(struct forwarder *f)
{
	struct list *at;

	log_info("%zu dedicated connections, %zu channels of %zu streams, %zu flows of datagrams, %llu dropped",
		 f->relays.count, f->pumps, f->stream_count, f->flows.count, (unsigned long long)f->flows.dropped);
	for (at = f->streams.next; at != &f->streams; at = at->next) {
		struct stream *s = list_entry(at, struct stream, place);
		_cleanup_buf_ struct buf text = { 0 };
		char *line, *rest = NULL;

		if (!s->linked || vpnkit_mux_dump(&s->link.mux, &text) < 0 || text.len == 0)
			continue;
		for (line = strtok_r((char *)buf_bytes(&text), "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
			log_info("%s", line);
	}
}
