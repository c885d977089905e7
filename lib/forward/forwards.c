#include "forwards.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bind.h"
#include "carry.h"
#include "listener.h"
#include "log.h"
#include "str.h"
#include "unixsock.h"

enum { BACKLOG = 1024 };

struct forward {
	struct forwards *all;
	struct list place;
	enum forwards_asker who;
	struct vpnkit_port asked, open; /* open: with the address and the port that it has */
	struct vpnkit_destination to;
	struct listener listener; /* TCP, Unix */
	struct udp_port *udp;
	struct sockaddr_un address; /* a Unix socket's, */
	bool made;                  /* whose file is there */
};

/* --- finding ------------------------------------------------------------------------------------------------------ */

static bool forwards_same(const struct vpnkit_port *a, const struct vpnkit_port *b)
{
	_cleanup_buf_ struct buf x = { 0 }, y = { 0 };

	return vpnkit_port_describe(a, &x) == 0 && vpnkit_port_describe(b, &y) == 0 &&
		str_eq(buf_text(&x), buf_text(&y));
}

static struct forward *forward_find(const struct forwards *p, const struct vpnkit_port *asked)
{
	for (struct list *l = p->list.next; l != &p->list; l = l->next) {
		struct forward *one = list_entry(l, struct forward, place);

		if (forwards_same(&one->asked, asked) || forwards_same(&one->open, asked))
			return one;
	}
	return NULL;
}

static void forward_free(struct forward *one)
{
	if (!list_empty(&one->place)) {
		list_remove(&one->place);
		one->all->count--;
	}
	listener_stop(&one->listener);
	if (one->udp)
		udp_port_close(one->udp);
	if (one->made)
		unlink(one->address.sun_path); /* somebody may have removed it already */
	vpnkit_port_clear(&one->asked);
	vpnkit_port_clear(&one->open);
	free(one);
}

/* --- opening ------------------------------------------------------------------------------------------------------ */

static bool forward_room(struct listener *l)
{
	const struct forward *one = l->data;

	return one->all->streams + one->all->channels + one->all->relays.count < FORWARDS_STREAMS;
}

static void forward_accepted(struct listener *l, int fd, const struct sockaddr *from)
{
	struct forward *one = l->data;

	(void)from;
	carry_start(one->all, fd, &one->to);
}

static int forward_serve(struct forward *one, int fd, struct error *err)
{
	one->listener = (struct listener){ .accepted = forward_accepted, .room = forward_room, .data = one };
	if (one->open.proto != VPNKIT_UDP)
		return listener_start(&one->listener, one->all->loop, fd, err);
	one->udp = udp_port_open(&one->all->udp, fd, &one->to, err);
	return one->udp ? 0 : -1;
}

static int forward_open(struct forward *one, struct error *err)
{
	const struct forwards *all = one->all;
	struct vpnkit_ip ip = one->open.out_ip;
	bool socket = one->open.proto == VPNKIT_UNIX;
	int fd;

	if (!socket) {
		if (all->policy->address(all, &one->open, one->who, &ip, err) < 0)
			return -1;
		one->open.out_ip = ip;
		fd = bind_port(&one->open, &ip, err);
	} else {
		if (all->policy->socket(all, &one->open, one->who, &one->address, err) < 0)
			return -1;
		fd = unixsock_listen(&one->address, SOCK_STREAM, BACKLOG, err);
		one->made = fd >= 0;
	}
	return fd < 0 ? -1 : forward_serve(one, fd, err);
}

static struct forward *forward_new(struct forwards *p, const struct vpnkit_port *asked, enum forwards_asker who,
				   struct error *err)
{
	struct forward *one = calloc(1, sizeof(*one));

	if (!one) {
		error_set(err, ENOMEM, "port");
		return NULL;
	}
	one->all = p;
	one->who = who;
	list_init(&one->place);
	if (vpnkit_port_copy(&one->asked, asked) < 0 || vpnkit_port_copy(&one->open, asked) < 0) {
		error_set(err, ENOMEM, "port");
	} else if (vpnkit_port_destination(asked, &one->to, err) == 0 && forward_open(one, err) == 0) {
		return one;
	}
	forward_free(one);
	return NULL;
}

int forwards_expose(struct forwards *p, const struct vpnkit_port *port, enum forwards_asker who, struct error *err)
{
	_cleanup_buf_ struct buf text = { 0 };
	struct forward *one;

	if (forward_find(p, port))
		return 0;
	if (p->count >= FORWARDS_MAX)
		return error_say(err, ENOSPC, "%d ports are open: no more can be", FORWARDS_MAX);
	one = forward_new(p, port, who, err);
	if (!one)
		return -1;
	list_append(&p->list, &one->place);
	p->count++;
	if (vpnkit_port_describe(&one->open, &text) == 0)
		log_debug("forward: %s", buf_text(&text));
	return 0;
}

int forwards_unexpose(struct forwards *p, const struct vpnkit_port *port, enum forwards_asker who, struct error *err)
{
	struct forward *one = forward_find(p, port);

	if (one && who == FORWARDS_GUEST && one->who != FORWARDS_GUEST)
		return error_say(err, EACCES, "the host's user has opened this port");
	if (one)
		forward_free(one);
	return 0;
}

/* --- telling ------------------------------------------------------------------------------------------------------ */

int forwards_list(const struct forwards *p, struct buf *out)
{
	struct jsonw w = { .out = out, .compact = true };

	jsonw_list(&w, NULL);
	for (struct list *l = p->list.next; l != &p->list; l = l->next)
		vpnkit_port_to_json(&list_entry(l, struct forward, place)->open, &w, NULL);
	jsonw_end(&w);
	return jsonw_done(&w);
}

int forwards_dump(const struct forwards *p, struct buf *out)
{
	const struct udp *u = &p->udp;
	int r = buf_addf(out,
			 "generation %u\nconnections %zu now, %llu accepted, %llu failed\n"
			 "flows %zu now, %llu datagrams to the guest, %llu to clients, %llu dropped\n",
			 p->way->generation, p->streams + p->channels + p->relays.count,
			 (unsigned long long)p->accepted, (unsigned long long)p->failed, u->count,
			 (unsigned long long)u->out, (unsigned long long)u->in, (unsigned long long)u->dropped);

	for (struct list *l = p->list.next; r == 0 && l != &p->list; l = l->next) {
		const struct forward *one = list_entry(l, struct forward, place);

		r = vpnkit_port_describe(&one->open, out) < 0 ||
				buf_addstr(out, one->who == FORWARDS_GUEST ? " (guest)\n" : "\n") < 0
			? -1
			: 0;
	}
	if (r == 0 && p->way->mux)
		r = vpnkit_mux_dump(p->way->mux, out);
	return r;
}

/* --- all of them -------------------------------------------------------------------------------------------------- */

void forwards_init(struct forwards *p)
{
	list_init(&p->list);
	relays_init(&p->relays, p->loop);
}

void forwards_close(struct forwards *p)
{
	while (!list_empty(&p->list))
		forward_free(list_entry(p->list.next, struct forward, place));
}
