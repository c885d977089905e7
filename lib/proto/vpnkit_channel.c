/* One channel: what its owner takes and sends. */
#include "vpnkit_channel_private.h"

#include <stdlib.h>
#include <string.h>

enum {
	WINDOW_LEAST = 16 * 1024, /* while too much is kept */
	WORTH = 4096,             /* less room in `out` than this is none */
	PAYLOAD_MAX = 64 * 1024,
};

/* Frames without a payload. Without memory for one the stream cannot go on: the caller of input or sent learns. */
static void control_send(struct vpnkit_mux *m, enum vpnkit_command command, uint32_t id, uint64_t window)
{
	static struct vpnkit_frame f; /* large, and most of it of no use here */

	if (m->failed)
		return;
	f.command = command;
	f.id = id;
	f.window = window;
	if (vpnkit_frame_add(&m->out, &f) < 0)
		m->failed = true;
	else if (m->handler->output)
		m->handler->output(m);
}

/* --- what comes in ----------------------------------------------------------------------------------------------- */

/* A new allowance when less than half of the last is left. */
static void channel_allow(struct vpnkit_channel *c)
{
	struct vpnkit_mux *m = c->mux;

	if (c->ended || c->close_sent || c->allowed - c->taken >= c->window / 2)
		return;
	if (m->kept > m->budget)
		c->window = WINDOW_LEAST < m->window ? WINDOW_LEAST : m->window;
	else if (c->taken > 0 && c->window < m->window)
		c->window = c->window > m->window / 2 ? m->window : c->window * 2;
	if (c->taken + c->window <= c->allowed)
		return; /* it has become smaller */
	c->allowed = c->taken + c->window;
	control_send(m, VPNKIT_WINDOW, c->id, c->allowed);
}

static size_t channel_give(struct vpnkit_channel *c, const uint8_t *p, size_t n)
{
	size_t taken = 0;

	if (c->accepted && c->handler && n > 0 && !c->close_sent)
		taken = c->handler->data(c, p, n);
	c->taken += taken;
	return taken;
}

int channel_data(struct vpnkit_channel *c, const uint8_t *p, size_t n)
{
	size_t taken = 0;

	c->received += n;
	if (c->kept.len == 0)
		taken = channel_give(c, p, n);
	if (c->close_sent)
		return 0;
	if (taken < n && buf_add(&c->kept, p + taken, n - taken) < 0)
		return -1;
	c->mux->kept += n - taken;
	if (taken > 0)
		channel_allow(c);
	return 0;
}

static void kept_drop(struct vpnkit_channel *c, size_t n)
{
	buf_consume(&c->kept, n);
	c->mux->kept -= n;
	if (c->kept.len == 0)
		buf_free(&c->kept);
}

void vpnkit_channel_pull(struct vpnkit_channel *c)
{
	size_t taken;

	if (c->kept.len > 0) {
		taken = channel_give(c, buf_bytes(&c->kept), c->kept.len);
		if (c->close_sent)
			return; /* by its owner, which has dropped all */
		kept_drop(c, taken);
		if (taken > 0)
			channel_allow(c);
	}
	channel_tell_end(c);
}

void channel_tell_end(struct vpnkit_channel *c)
{
	if (!c->ended || c->end_told || c->kept.len > 0 || !c->accepted || !c->handler || c->close_sent)
		return;
	c->end_told = true;
	c->handler->ended(c);
}

void channel_closed(struct vpnkit_channel *c)
{
	c->wants_room = false;
	list_remove(&c->place);
	if (c->handler)
		c->handler->closed(c);
	channel_tell_end(c);
}

void vpnkit_channel_accept(struct vpnkit_channel *c)
{
	if (c->accepted)
		return;
	c->accepted = true;
	if (c->close_received)
		return;
	c->allowed = c->window;
	control_send(c->mux, VPNKIT_WINDOW, c->id, c->allowed);
}

/* --- what goes out ----------------------------------------------------------------------------------------------- */

static void channel_room(struct vpnkit_channel *c)
{
	c->wants_room = false;
	list_remove(&c->place);
	if (c->handler && !c->close_sent && !c->close_received)
		c->handler->room(c);
}

void channel_allowed(struct vpnkit_channel *c, uint64_t may_send)
{
	c->may_send = may_send;
	if (!c->wants_room || c->may_send <= c->sent)
		return;
	if (c->mux->out.len + WORTH <= VPNKIT_OUT)
		channel_room(c);
	else if (list_empty(&c->place))
		list_append(&c->mux->waiting, &c->place);
}

/* Those that ask again while they are told come to the end. */
void channels_room(struct vpnkit_mux *m)
{
	if (m->out.len > VPNKIT_OUT / 2)
		return;
	while (!list_empty(&m->waiting) && m->out.len + WORTH <= VPNKIT_OUT)
		channel_room(list_entry(m->waiting.next, struct vpnkit_channel, place));
}

uint8_t *vpnkit_channel_reserve(struct vpnkit_channel *c, size_t want, size_t *n)
{
	struct vpnkit_mux *m = c->mux;
	uint64_t most = c->may_send > c->sent ? c->may_send - c->sent : 0;
	uint8_t *p;

	*n = 0;
	if (c->shut || c->close_sent || c->close_received || m->failed || want == 0)
		return NULL;
	c->wants_room = true;
	if (most == 0)
		return NULL; /* until a Window comes */
	if (m->out.len + WORTH > VPNKIT_OUT) {
		if (list_empty(&c->place))
			list_append(&m->waiting, &c->place);
		return NULL;
	}
	if (most > want)
		most = want;
	if (most > PAYLOAD_MAX)
		most = PAYLOAD_MAX;
	if (most > VPNKIT_OUT - m->out.len)
		most = VPNKIT_OUT - m->out.len;
	p = buf_reserve(&m->out, VPNKIT_DATA_HEADER + most);
	if (!p) {
		m->failed = true;
		return NULL;
	}
	c->wants_room = false;
	*n = most;
	return p + VPNKIT_DATA_HEADER;
}

void vpnkit_channel_commit(struct vpnkit_channel *c, size_t n)
{
	struct vpnkit_mux *m = c->mux;

	if (n == 0)
		return;
	vpnkit_data_header(buf_bytes(&m->out) + m->out.len, c->id, (uint32_t)n);
	buf_commit(&m->out, VPNKIT_DATA_HEADER + n);
	c->sent += n;
	if (m->handler->output)
		m->handler->output(m);
}

size_t vpnkit_channel_send(struct vpnkit_channel *c, const void *bytes, size_t n)
{
	size_t done = 0, room;
	uint8_t *p;

	while (done < n && (p = vpnkit_channel_reserve(c, n - done, &room))) {
		memcpy(p, (const uint8_t *)bytes + done, room);
		vpnkit_channel_commit(c, room);
		done += room;
	}
	return done;
}

void vpnkit_channel_shutdown(struct vpnkit_channel *c)
{
	if (c->shut || c->close_sent || c->close_received)
		return;
	c->shut = true;
	control_send(c->mux, VPNKIT_SHUTDOWN, c->id, 0);
}

void vpnkit_channel_close(struct vpnkit_channel *c)
{
	if (c->close_sent)
		return;
	c->close_sent = true;
	c->wants_room = false;
	list_remove(&c->place);
	kept_drop(c, c->kept.len);
	if (c->mux->payload == c)
		c->mux->payload = NULL;
	control_send(c->mux, VPNKIT_CLOSE, c->id, 0);
	if (c->close_received)
		channel_retire(c);
}
