#include "tunnel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "unixsock.h"

enum {
	HELLO_US = 1000 * 1000, /* a guest's forwarder answers a hello at once, if at all */
	STAYS_US = 300 * 1000,  /* who has nobody behind it is ended sooner */
	RETRY_US = 10 * 1000,
	RETRIES = 250,
	CHANNEL_WINDOW = 1024 * 1024,
};

static struct tunnel *tunnel_of(struct way *way)
{
	return list_entry(way, struct tunnel, way);
}

/* --- connections of their own ------------------------------------------------------------------------------------- */

/* The destination in front; it always fits into a new socket. */
static int destination_send(int fd, const struct vpnkit_destination *to)
{
	_cleanup_buf_ struct buf b = { 0 };

	if (vpnkit_destination_add(&b, to) < 0)
		return ENOMEM;
	return send(fd, buf_bytes(&b), b.len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)b.len ? 0 : EPIPE;
}

static void wish_dial(struct way_wish *w)
{
	struct tunnel *t = tunnel_of(w->way);
	int fd = unixsock_connect(&t->address, SOCK_STREAM), code = fd < 0 ? errno : 0;

	if (code == EAGAIN && ++w->tries < RETRIES && loop_timer_after(t->way.loop, &w->retry, RETRY_US, NULL) == 0)
		return;
	if (code == 0)
		code = destination_send(fd, w->to);
	if (code != 0 && fd >= 0) {
		close(fd);
		fd = -1;
	}
	way_done(w, fd, NULL, code);
}

static void wish_retry(struct loop_timer *timer)
{
	wish_dial(timer->data);
}

static void wish_open(struct way_wish *w)
{
	_cleanup_error_ struct error e = { 0 };
	struct vpnkit_channel *c = vpnkit_mux_open(&tunnel_of(w->way)->link.mux, w->to, &e);

	way_done(w, -1, c, c ? 0 : e.code ? e.code : EPIPE);
}

/* --- which generation --------------------------------------------------------------------------------------------- */

/* The list is emptied first: whoever asks anew in `ready` waits for the next answer. */
static void wishes_serve(struct tunnel *t, int code)
{
	struct list now;

	list_init(&now);
	while (!list_empty(&t->waiting)) {
		struct list *first = t->waiting.next;

		list_remove(first);
		list_append(&now, first);
	}
	while (!list_empty(&now)) {
		struct way_wish *w = list_entry(now.next, struct way_wish, place);

		list_remove(&w->place);
		if (code != 0)
			way_done(w, -1, NULL, code);
		else
			way_ask(&t->way, w);
	}
}

/* The way shows of it what is of use to those who go there. */
static void tunnel_become(struct tunnel *t, enum tunnel_state state, unsigned generation)
{
	t->state = state;
	t->way.generation = generation;
	t->way.mux = state == TUNNEL_CHANNELS ? &t->link.mux : NULL;
	t->way.carries = state == TUNNEL_CHANNELS ? WAY_CHANNELS
		: state == TUNNEL_DEDICATED       ? WAY_CONNECTIONS
						  : WAY_UNKNOWN;
}

static bool tunnel_is_silent(const struct tunnel *t)
{
	return t->state == TUNNEL_DEDICATED && t->way.generation == VPNKIT_DEDICATED;
}

static void tunnel_decide(struct tunnel *t, enum tunnel_state state, unsigned generation, int code)
{
	loop_timer_disarm(&t->patience);
	tunnel_become(t, state, generation);
	if (generation)
		log_debug("forward: the guest's forwarder speaks generation %u%s", generation,
			  state == TUNNEL_DEDICATED && generation == VPNKIT_HANDSHAKE ? ", and takes connections" : "");
	wishes_serve(t, code);
}

static int link_connect(struct tunnel *t, bool handshake);

/* A generation 2 peer that is there keeps a connection on which nothing is said. */
static void tunnel_ask_again(struct tunnel *t)
{
	int code = link_connect(t, false);

	t->state = TUNNEL_ASKING_AGAIN;
	if (code == 0 && loop_timer_after(t->way.loop, &t->patience, STAYS_US, NULL) < 0)
		code = ENOMEM;
	if (code != 0)
		tunnel_decide(t, TUNNEL_UNKNOWN, 0, code);
}

/* A hello that comes late is as good: only a guest that was busy looks like one of generation 1 for a while. */
static void link_greeted(struct vpnkit_link *l)
{
	struct tunnel *t = l->data;

	if (t->state == TUNNEL_ASKING || tunnel_is_silent(t))
		tunnel_decide(t, l->mux.dedicated ? TUNNEL_DEDICATED : TUNNEL_CHANNELS, VPNKIT_HANDSHAKE, 0);
}

static void link_lost(struct vpnkit_link *l, const struct error *why)
{
	struct tunnel *t = l->data;

	(void)why;
	vpnkit_link_stop(l);
	if (t->state == TUNNEL_ASKING) {
		loop_timer_disarm(&t->patience);
		tunnel_ask_again(t);
	} else if (t->state == TUNNEL_ASKING_AGAIN) {
		tunnel_decide(t, TUNNEL_UNKNOWN, 0, ECONNREFUSED);
	} else {
		tunnel_become(t, TUNNEL_UNKNOWN, 0);
	}
}

static void tunnel_waited(struct loop_timer *timer)
{
	struct tunnel *t = timer->data;

	if (t->state == TUNNEL_ASKING_AGAIN) {
		tunnel_decide(t, TUNNEL_CHANNELS, VPNKIT_MULTIPLEXED, 0);
	} else if (t->state == TUNNEL_ASKING) {
		tunnel_decide(t, TUNNEL_DEDICATED, VPNKIT_DEDICATED, 0);
	}
}

/* 0, or an errno. */
static int link_connect(struct tunnel *t, bool handshake)
{
	static const struct vpnkit_mux_handler handler = { 0 }; /* the guest opens no channels */
	_cleanup_error_ struct error e = { 0 };
	int fd = unixsock_connect(&t->address, SOCK_STREAM);

	if (fd < 0)
		return errno;
	t->link = (struct vpnkit_link){ .mux = { .handler = &handler, .window = CHANNEL_WINDOW },
					.lost = link_lost,
					.greeted = link_greeted,
					.data = t };
	if (vpnkit_link_start(&t->link, t->way.loop, fd, handshake, NULL, 0, &e) == 0)
		return 0;
	return e.code ? e.code : EPIPE;
}

static void tunnel_start(struct tunnel *t)
{
	int code = link_connect(t, true);

	t->state = TUNNEL_ASKING;
	if (code == 0 && loop_timer_after(t->way.loop, &t->patience, HELLO_US, NULL) < 0)
		code = ENOMEM;
	if (code != 0)
		tunnel_decide(t, TUNNEL_UNKNOWN, 0, code);
}

/* --- interface ---------------------------------------------------------------------------------------------------- */

static void tunnel_ask(struct way *way, struct way_wish *w)
{
	struct tunnel *t = tunnel_of(way);

	w->retry = (struct loop_timer){ .fn = wish_retry, .data = w };
	if (t->state == TUNNEL_DEDICATED) {
		wish_dial(w);
	} else if (t->state == TUNNEL_CHANNELS) {
		wish_open(w);
	} else {
		list_append(&t->waiting, &w->place);
		if (t->state == TUNNEL_UNKNOWN)
			tunnel_start(t);
	}
}

void tunnel_init(struct tunnel *t)
{
	t->way.ask = tunnel_ask;
	list_init(&t->waiting);
	t->patience = (struct loop_timer){ .fn = tunnel_waited, .data = t };
}

void tunnel_close(struct tunnel *t)
{
	loop_timer_disarm(&t->patience);
	vpnkit_link_stop(&t->link);
	wishes_serve(t, ECANCELED);
}
