/* -control-listen: ports on this side that lead to the other end of the newest data stream, by channels in it.
 *
 *   a client --> a port (lib/forward) --> listen_ask --+-- a stream is there: a channel in the newest one
 *                                                      +-- none: the wish waits, its client with it --> listen_linked
 *
 * The other end is one that takes channels: VPNKit's vpnkit-forwarder, or this program. `pith forward` takes none,
 * since a guest is to reach nothing of its host. */
#include <errno.h>
#include <unistd.h>

#include "forwarder.h"
#include "unixsock.h"

static struct forwarder *forwarder_of(struct way *way)
{
	return list_entry(way, struct forwarder, way);
}

static void wish_open(struct way_wish *w, struct vpnkit_mux *m)
{
	_cleanup_error_ struct error e = { 0 };
	struct vpnkit_channel *c = vpnkit_mux_open(m, w->to, &e);

	way_done(w, -1, c, c ? 0 : e.code ? e.code : EPIPE);
}

static void listen_ask(struct way *way, struct way_wish *w)
{
	struct forwarder *f = forwarder_of(way);

	if (f->newest)
		wish_open(w, f->newest);
	else
		list_append(&f->wishes, &w->place);
}

void listen_linked(struct forwarder *f, struct vpnkit_mux *m)
{
	f->way.mux = f->newest = m;
	f->way.generation = !m ? 0 : m->handshake ? VPNKIT_HANDSHAKE : VPNKIT_MULTIPLEXED;
	while (f->newest && !list_empty(&f->wishes))
		wish_open(list_entry(f->wishes.next, struct way_wish, place), f->newest);
}

/* Whoever may ask may have what this process may have. */
static int policy_address(const struct forwards *f, const struct vpnkit_port *port, enum forwards_asker who,
			  struct vpnkit_ip *ip, struct error *err)
{
	(void)f;
	(void)port;
	(void)who;
	(void)ip;
	(void)err;
	return 0;
}

static int policy_socket(const struct forwards *f, const struct vpnkit_port *port, enum forwards_asker who,
			 struct sockaddr_un *out, struct error *err)
{
	(void)f;
	(void)who;
	return unixsock_address(out, -1, NULL, port->out_path) < 0
		? error_say(err, errno, "out_path %s: too long for a socket's name", port->out_path)
		: 0;
}

static bool listen_welcome(struct http_listener *l, const struct sockaddr *from)
{
	return forwarder_welcome(list_entry(l, struct forwarder, control.listener), from);
}

int listen_open(struct forwarder *f, int fd, struct error *err)
{
	static const struct forwards_policy policy = { .address = policy_address, .socket = policy_socket };

	f->forwards = (struct forwards){
		.loop = f->loop, .way = &f->way, .policy = &policy, .udp = { .loop = f->loop, .way = &f->way }
	};
	forwards_init(&f->forwards);
	f->listens = true;
	f->control.listener.welcome = listen_welcome;
	if (udp_init(&f->forwards.udp, f->flows.idle_us, err) == 0)
		return control_open(&f->control, &f->forwards, FORWARDS_USER, fd, err);
	close(fd);
	return -1;
}

void listen_close(struct forwarder *f)
{
	if (!f->listens)
		return;
	control_close(&f->control);
	while (!list_empty(&f->wishes))
		way_done(list_entry(f->wishes.next, struct way_wish, place), -1, NULL, ECANCELED);
	forwards_close(&f->forwards);
	udp_free(&f->forwards.udp);
	f->listens = false;
}

void listen_init(struct forwarder *f)
{
	f->way = (struct way){ .loop = f->loop, .ask = listen_ask, .carries = WAY_CHANNELS };
	list_init(&f->wishes);
}
