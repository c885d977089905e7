#include "forwarder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"

enum {
	BUCKETS = 4096,
	BATCH = 16,            /* datagrams of one flow in one round */
	HELD_MAX = 256 * 1024, /* on their way to the host; what comes on top is dropped */
	CHUNK = 64 * 1024,
};

/* Datagrams of the host come in a stream of theirs, a channel or a connection. Each client there (its address stands in
 * front of a datagram, and is nothing but a key here) is a flow with a socket of its own, so that the guest's server
 * can tell them apart; an answer goes back with the same address in front:
 *
 *   stream_feed --> stream_datagram --> flow_find --> flow_send --> the guest's server
 *                                                                        |
 *   stream_send <-- the client's address and the answer <-- flow_ready <-+
 *
 * A flow goes when it was quiet for 90 s, when its stream ends, or as the quietest when there are too many. Whatever
 * has no room is dropped: datagrams may be. */
struct stream {
	struct flows *all;
	struct vpnkit_channel *channel; /* or a dedicated connection: */
	struct loop_io io;
	struct list flows;
	struct sockaddr_storage to;
	socklen_t len;
	struct vpnkit_datagrams in;
	struct buf out; /* the rest of a datagram that was sent in part, and whole ones behind it */
	bool broken;
};

struct flow {
	struct stream *stream;
	struct list of_stream, of_bucket, age;
	struct loop_io io;
	uint64_t used;
	uint8_t key[VPNKIT_UDP_ADDRESS];
	size_t key_len;
};

/* --- flows -------------------------------------------------------------------------------------------------------- */

static void flow_free(struct flow *w)
{
	loop_io_remove(&w->io);
	close(w->io.fd);
	list_remove(&w->of_stream);
	list_remove(&w->of_bucket);
	list_remove(&w->age);
	w->stream->all->count--;
	free(w);
}

static struct flow *flow_oldest(struct flows *all)
{
	return list_empty(&all->age) ? NULL : list_entry(all->age.next, struct flow, age);
}

static void flows_expire(struct loop_timer *t)
{
	struct flows *all = t->data;
	uint64_t now = loop_now();
	struct flow *w;

	while ((w = flow_oldest(all)) && now - w->used >= all->idle_us)
		flow_free(w);
	if (w)
		loop_timer_arm(all->loop, t, w->used + all->idle_us, NULL);
}

/* The timer stays where it is: it looks again when it comes. */
static void flow_touch(struct flow *w)
{
	struct flows *all = w->stream->all;

	w->used = loop_now();
	list_remove(&w->age);
	list_append(&all->age, &w->age);
	if (!loop_timer_armed(&all->expiry))
		loop_timer_arm(all->loop, &all->expiry, w->used + all->idle_us, NULL);
}

static struct list *bucket_of(struct stream *s, const uint8_t *key, size_t n)
{
	uint32_t h = s->all->seed ^ (uint32_t)((uintptr_t)s >> 4);
	size_t i;

	for (i = 0; i < n; i++)
		h = (h ^ key[i]) * 16777619u;
	return &s->all->buckets[(h ^ h >> 15) % BUCKETS];
}

static int flow_socket(struct stream *s)
{
	_cleanup_close_ int fd = socket(s->to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&s->to, s->len) < 0)
		return -1;
	return steal_fd(&fd);
}

static void flow_ready(struct loop_io *io, uint32_t events);

static struct flow *flow_new(struct stream *s, struct list *bucket, const struct vpnkit_datagram *d)
{
	struct flows *all = s->all;
	struct flow *w;

	if (all->count >= FLOWS_MAX)
		flow_free(flow_oldest(all));
	w = calloc(1, sizeof(*w));
	if (!w)
		return NULL;
	w->stream = s;
	list_init(&w->of_stream);
	list_init(&w->of_bucket);
	list_init(&w->age);
	all->count++;
	w->io = (struct loop_io){ .fd = flow_socket(s), .events = EPOLLIN, .fn = flow_ready, .data = w };
	if (w->io.fd < 0 && (errno == EMFILE || errno == ENFILE) && flow_oldest(all)) {
		flow_free(flow_oldest(all));
		w->io.fd = flow_socket(s);
	}
	if (w->io.fd < 0 || loop_io_add(all->loop, &w->io, NULL) < 0) {
		flow_free(w);
		return NULL;
	}
	memcpy(w->key, d->address, d->address_len);
	w->key_len = d->address_len;
	list_append(&s->flows, &w->of_stream);
	list_append(bucket, &w->of_bucket);
	return w;
}

static struct flow *flow_find(struct stream *s, const struct vpnkit_datagram *d)
{
	struct list *bucket = bucket_of(s, d->address, d->address_len), *at;

	for (at = bucket->next; at != bucket; at = at->next) {
		struct flow *w = list_entry(at, struct flow, of_bucket);

		if (w->stream == s && w->key_len == d->address_len && memcmp(w->key, d->address, w->key_len) == 0)
			return w;
	}
	return flow_new(s, bucket, d);
}

/* --- to the guest ------------------------------------------------------------------------------------------------- */

static void stream_datagram(void *data, const struct vpnkit_datagram *d)
{
	struct stream *s = data;
	struct flow *w = flow_find(s, d);
	int i;

	if (!w) {
		s->all->dropped++;
		return;
	}
	flow_touch(w);
	/* The first call may report that the one before was refused, and sends nothing then. */
	for (i = 0; i < 2; i++)
		if (send(w->io.fd, d->payload, d->len, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0 || errno != ECONNREFUSED)
			return;
}

static void stream_free(struct stream *s)
{
	while (!list_empty(&s->flows))
		flow_free(list_entry(s->flows.next, struct flow, of_stream));
	loop_io_remove(&s->io);
	if (s->io.fd >= 0)
		close(s->io.fd);
	if (s->channel)
		vpnkit_channel_close(s->channel);
	vpnkit_datagrams_free(&s->in);
	buf_free(&s->out);
	free(s);
}

static int stream_feed(struct stream *s, const void *bytes, size_t n)
{
	_cleanup_error_ struct error e = { 0 };

	if (vpnkit_datagrams_feed(&s->in, bytes, n, stream_datagram, s, &e) == 0)
		return 0;
	log_warn("datagrams of the host: %s", error_text(&e));
	return -1;
}

/* --- to the host -------------------------------------------------------------------------------------------------- */

/* As much as it takes now. */
static size_t stream_write(struct stream *s, const uint8_t *bytes, size_t n)
{
	ssize_t sent;

	if (s->channel)
		return vpnkit_channel_send(s->channel, bytes, n);
	sent = send(s->io.fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent < 0 && errno != EAGAIN && errno != EINTR)
		s->broken = true; /* its end comes as an event */
	return sent > 0 ? (size_t)sent : 0;
}

static void stream_want(struct stream *s)
{
	if (!s->channel)
		loop_io_want(&s->io, EPOLLIN | (s->out.len > 0 && !s->broken ? EPOLLOUT : 0), NULL);
}

static void stream_flush(struct stream *s)
{
	size_t n = s->out.len > 0 ? stream_write(s, buf_bytes(&s->out), s->out.len) : 0;

	buf_consume(&s->out, n);
	if (s->out.len == 0)
		buf_free(&s->out);
	stream_want(s);
}

static void stream_send(struct stream *s, const uint8_t *bytes, size_t n)
{
	size_t sent = 0;

	if (s->out.len == 0)
		sent = stream_write(s, bytes, n);
	if (sent == n)
		return;
	if (s->broken || (sent == 0 && s->out.len + n > HELD_MAX) || buf_add(&s->out, bytes + sent, n - sent) < 0) {
		s->broken |= sent > 0; /* the rest of this one is missing: nothing can follow it */
		s->all->dropped++;
		return;
	}
	stream_want(s);
}

static void flow_ready(struct loop_io *io, uint32_t events)
{
	static uint8_t answer[VPNKIT_UDP_HEADER + VPNKIT_DATAGRAM];
	struct flow *w = io->data;
	size_t header = 4 + w->key_len;
	int i;

	(void)events;
	for (i = 0; i < BATCH; i++) {
		ssize_t n = recv(io->fd, answer + header, VPNKIT_DATAGRAM, MSG_DONTWAIT);

		if (n < 0 && errno == ECONNREFUSED)
			continue; /* of one that was sent: nobody listens, as yet */
		if (n < 0)
			return;
		vpnkit_datagram_header(answer, w->key, w->key_len, (size_t)n);
		flow_touch(w);
		stream_send(w->stream, answer, header + (size_t)n);
	}
}

/* --- what carries them -------------------------------------------------------------------------------------------- */

static size_t channel_data(struct vpnkit_channel *c, const uint8_t *bytes, size_t n)
{
	struct stream *s = c->data;

	if (stream_feed(s, bytes, n) < 0)
		stream_free(s);
	return n;
}

static void channel_end(struct vpnkit_channel *c)
{
	stream_free(c->data);
}

/* More answers can come as long as the host has not closed it. */
static void channel_nothing(struct vpnkit_channel *c)
{
	(void)c;
}

static void channel_room(struct vpnkit_channel *c)
{
	stream_flush(c->data);
}

static const struct vpnkit_channel_handler channel_handler = {
	.data = channel_data,
	.ended = channel_nothing,
	.closed = channel_end,
	.lost = channel_end,
	.room = channel_room,
};

static void dedicated_ready(struct loop_io *io, uint32_t events)
{
	static uint8_t chunk[CHUNK];
	struct stream *s = io->data;
	ssize_t n;

	if (events & EPOLLOUT)
		stream_flush(s);
	if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		return;
	n = recv(io->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || stream_feed(s, chunk, (size_t)n) < 0)
		stream_free(s);
}

static struct stream *stream_new(struct flows *f, const struct vpnkit_destination *to)
{
	struct stream *s;
	size_t i;

	if (!f->buckets) {
		f->buckets = calloc(BUCKETS, sizeof(struct list));
		for (i = 0; f->buckets && i < BUCKETS; i++)
			list_init(&f->buckets[i]);
	}
	s = f->buckets ? calloc(1, sizeof(*s)) : NULL;
	if (!s)
		return NULL;
	s->all = f;
	s->io.fd = -1;
	list_init(&s->flows);
	s->len = vpnkit_ip_address(&to->ip, to->port, &s->to);
	return s;
}

void flows_channel(struct flows *f, struct vpnkit_channel *c, const struct vpnkit_destination *to)
{
	struct stream *s = stream_new(f, to);

	if (!s) {
		vpnkit_channel_close(c);
		return;
	}
	s->channel = c;
	c->handler = &channel_handler;
	c->data = s;
	vpnkit_channel_accept(c);
}

void flows_dedicated(struct flows *f, int fd, const struct vpnkit_destination *to)
{
	struct stream *s = stream_new(f, to);

	if (!s) {
		close(fd);
		return;
	}
	s->io = (struct loop_io){ .fd = fd, .events = EPOLLIN, .fn = dedicated_ready, .data = s };
	if (loop_io_add(f->loop, &s->io, NULL) < 0)
		stream_free(s);
}

void flows_init(struct flows *f, struct loop *loop)
{
	f->loop = loop;
	f->idle_us = FLOW_IDLE_S * 1000000ull;
	list_init(&f->age);
	f->expiry = (struct loop_timer){ .fn = flows_expire, .data = f };
	/* Without it a host could choose addresses that meet in one bucket: slower, no more. */
	if (getrandom(&f->seed, sizeof(f->seed), GRND_NONBLOCK) < 0)
		f->seed = (uint32_t)loop_now();
}

void flows_close(struct flows *f)
{
	loop_timer_disarm(&f->expiry);
	free(f->buckets);
	f->buckets = NULL;
}
