/* What comes in: hello, headers, payloads. What a channel does with it is in vpnkit_channel.c. */
#include "vpnkit_mux.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vpnkit_channel_private.h"

enum {
	CHOKED = 4 * VPNKIT_OUT,        /* answers that the peer does not read */
	CONTROL_MAX = 128 * VPNKIT_OUT, /* nobody lets so much pile up who reads at all */
};

/* --- frames ------------------------------------------------------------------------------------------------------ */

static int opened_come(struct vpnkit_mux *m, const struct vpnkit_frame *f, struct error *err)
{
	struct vpnkit_channel *c;

	if (f->dedicated)
		return error_set(err, 0, "channel %u: Open asks for a dedicated connection", f->id);
	if (channel_find(m, f->id))
		return error_set(err, 0, "channel %u: Open, and it is open", f->id);
	/* Those that are refused count until the peer has closed them. */
	if (m->count >= 2 * (size_t)m->limit)
		return error_set(err, 0, "channel %u: more than %u channels", f->id, 2 * m->limit);
	c = channel_new(m, f->id);
	if (!c)
		return error_set(err, ENOMEM, "channel %u", f->id);
	if (m->count > m->limit || !m->handler->opened)
		vpnkit_channel_close(c);
	else
		m->handler->opened(m, c, &f->to);
	return 0;
}

static int closed_come(struct vpnkit_mux *m, uint32_t id, struct error *err)
{
	struct vpnkit_channel *c = channel_find(m, id);

	if (!c || c->close_received)
		return error_set(err, 0, "channel %u: Close, and it is not open", id);
	c->close_received = c->ended = true;
	if (c->close_sent) {
		channel_retire(c);
		return 0;
	}
	channel_closed(c);
	return 0;
}

static int frame_come(struct vpnkit_mux *m, const struct vpnkit_frame *f, struct error *err)
{
	struct vpnkit_channel *c;

	if (f->command == VPNKIT_OPEN)
		return opened_come(m, f, err);
	if (f->command == VPNKIT_CLOSE)
		return closed_come(m, f->id, err);
	c = channel_find(m, f->id);
	if (f->command == VPNKIT_DATA) {
		m->payload_left = f->payload;
		m->payload = c && !c->ended && !c->close_sent ? c : NULL; /* else what comes is thrown away */
		if (m->payload && f->payload > c->allowed - c->received)
			return error_set(err, 0, "channel %u: more bytes than were allowed", f->id);
		return 0;
	}
	if (!c || c->close_received)
		return 0; /* frames of both directions pass each other */
	if (f->command == VPNKIT_WINDOW) {
		channel_allowed(c, f->window);
	} else if (!c->ended) {
		c->ended = true;
		channel_tell_end(c);
	}
	return 0;
}

static int header_parse(struct vpnkit_mux *m, const uint8_t *p, size_t n, size_t *used, struct error *err)
{
	static struct vpnkit_frame f; /* large, and nobody needs it for longer */
	int r;

	if (m->handshake && !m->greeted) {
		r = vpnkit_hello_parse(p, n, &m->dedicated, used, err);
		if (r > 0)
			m->greeted = true;
		return r;
	}
	r = vpnkit_frame_parse(p, n, &f, used, err);
	if (r > 0 && frame_come(m, &f, err) < 0)
		return -1;
	return r;
}

/* --- bytes ------------------------------------------------------------------------------------------------------- */

static size_t payload_run(struct vpnkit_mux *m, const uint8_t *p, size_t n, struct error *err)
{
	size_t part = n < m->payload_left ? n : m->payload_left;

	m->payload_left -= (uint32_t)part;
	if (m->payload && channel_data(m->payload, p, part) < 0) {
		error_set(err, ENOMEM, "channel %u", m->payload->id);
		return 0;
	}
	return part;
}

/* A header that came in pieces: bytes are added until it is whole. Returns how many were used, 0: failed. */
static size_t partial_run(struct vpnkit_mux *m, const uint8_t *p, size_t n, struct error *err)
{
	size_t before = m->partial.len, used = 0;
	size_t part = n < VPNKIT_HEADER ? n : VPNKIT_HEADER;
	int r;

	if (buf_add(&m->partial, p, part) < 0) {
		error_set(err, ENOMEM, "frame");
		return 0;
	}
	r = header_parse(m, buf_bytes(&m->partial), m->partial.len, &used, err);
	if (r < 0)
		return 0;
	if (r == 0)
		return part;
	buf_clear(&m->partial);
	return used - before;
}

static int input_run(struct vpnkit_mux *m, const uint8_t *p, size_t n, struct error *err)
{
	size_t used;
	int r;

	while (n > 0) {
		if (m->payload_left > 0) {
			used = payload_run(m, p, n, err);
		} else if (m->partial.len > 0) {
			used = partial_run(m, p, n, err);
		} else {
			r = header_parse(m, p, n, &used, err);
			if (r < 0)
				return -1;
			if (r == 0) { /* the start of one; the rest comes later */
				if (buf_add(&m->partial, p, n) < 0)
					return error_set(err, ENOMEM, "frame");
				return 0;
			}
		}
		if (used == 0)
			return -1;
		p += used;
		n -= used;
	}
	return 0;
}

int vpnkit_mux_input(struct vpnkit_mux *m, const void *bytes, size_t n, struct error *err)
{
	int r;

	if (m->failed)
		return error_set(err, EPIPE, "the stream has ended");
	m->bytes_in += n;
	r = input_run(m, bytes, n, err);
	channels_free_dead(m);
	if (r == 0 && m->out.len > CONTROL_MAX)
		return error_set(err, 0, "the peer does not read what it is answered");
	return r;
}

void vpnkit_mux_sent(struct vpnkit_mux *m, size_t n)
{
	m->bytes_out += n;
	buf_consume(&m->out, n);
	if (m->out.len == 0 && m->count == 0)
		buf_free(&m->out);
	channels_room(m);
}

bool vpnkit_mux_choked(const struct vpnkit_mux *m)
{
	return m->out.len > CHOKED;
}

/* --- beginning and end ------------------------------------------------------------------------------------------- */

int vpnkit_mux_init(struct vpnkit_mux *m, bool handshake)
{
	if (m->limit == 0)
		m->limit = VPNKIT_CHANNELS;
	if (m->window == 0)
		m->window = VPNKIT_WINDOW_MAX;
	if (m->budget == 0)
		m->budget = VPNKIT_BUDGET;
	m->handshake = handshake;
	m->next_id = m->connected ? UINT32_MAX : 0;
	list_init(&m->waiting);
	list_init(&m->dead);
	return handshake ? vpnkit_hello_add(&m->out) : 0;
}

struct vpnkit_channel *vpnkit_mux_open(struct vpnkit_mux *m, const struct vpnkit_destination *to, struct error *err)
{
	static struct vpnkit_frame f = { .command = VPNKIT_OPEN };
	struct vpnkit_channel *c;

	if (m->failed || m->count >= m->limit) {
		error_set(err, m->failed ? EPIPE : EAGAIN, "channel");
		return NULL;
	}
	while (channel_find(m, m->next_id))
		m->next_id += m->connected ? UINT32_MAX : 1;
	f.id = m->next_id;
	f.to = *to;
	m->next_id += m->connected ? UINT32_MAX : 1;
	if (vpnkit_frame_add(&m->out, &f) < 0 || !(c = channel_new(m, f.id))) {
		/* An Open without a channel would not be closed: the stream is of no use any more. */
		error_set(err, ENOMEM, "channel");
		m->failed = true;
		return NULL;
	}
	vpnkit_channel_accept(c);
	return c;
}

void vpnkit_mux_fail(struct vpnkit_mux *m)
{
	size_t i;

	m->failed = true;
	for (i = 0; i < m->bucket_count; i++) {
		/* An owner may close others, too, when it hears of it: from the start of the chain each time. */
		while (m->buckets[i]) {
			struct vpnkit_channel *c = m->buckets[i];

			c->close_received = c->ended = true;
			if (!c->close_sent && c->handler)
				c->handler->lost(c);
			if (m->buckets[i] == c && !c->close_sent)
				vpnkit_channel_close(c);
			else if (m->buckets[i] == c)
				channel_retire(c);
		}
	}
	channels_free_dead(m);
}

void vpnkit_mux_free(struct vpnkit_mux *m)
{
	size_t i;

	for (i = 0; i < m->bucket_count; i++)
		while (m->buckets[i])
			channel_retire(m->buckets[i]);
	channels_free_dead(m);
	free(m->buckets);
	m->buckets = NULL;
	m->bucket_count = 0;
	buf_free(&m->out);
	buf_free(&m->partial);
}

int vpnkit_mux_dump(const struct vpnkit_mux *m, struct buf *out)
{
	size_t i;
	const struct vpnkit_channel *c;
	int r = buf_addf(out,
			 "%zu channels, %llu since the beginning, %llu bytes in, %llu out, %zu waiting to be sent\n",
			 m->count, (unsigned long long)m->opened, (unsigned long long)m->bytes_in,
			 (unsigned long long)m->bytes_out, m->out.len);

	for (i = 0; i < m->bucket_count; i++) {
		for (c = m->buckets[i]; c; c = c->next)
			r |= buf_addf(out, "channel %u: received %llu of %llu, %zu kept, sent %llu of %llu%s%s%s%s\n",
				      c->id, (unsigned long long)c->received, (unsigned long long)c->allowed,
				      c->kept.len, (unsigned long long)c->sent, (unsigned long long)c->may_send,
				      c->ended ? ", ended" : "", c->shut ? ", shut" : "",
				      c->close_received ? ", closed by the peer" : "", c->close_sent ? ", closed" : "");
	}
	return r;
}
