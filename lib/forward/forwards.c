#include "ports.h"

#include <errno.h>
#include <fcntl.h>
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

struct port {
	struct ports *all;
	struct list place;
	enum ports_asker who;
	struct vpnkit_port asked, open; /* open: with the address and the port that it has */
	struct vpnkit_destination to;
	struct listener listener; /* TCP, Unix */
	struct udp_port *udp;
	char *file; /* a socket's name in the state directory */
};

/* --- finding ------------------------------------------------------------------------------------------------------ */

static bool ports_same(const struct vpnkit_port *a, const struct vpnkit_port *b)
{
	_cleanup_buf_ struct buf x = { 0 }, y = { 0 };

	return vpnkit_port_describe(a, &x) == 0 && vpnkit_port_describe(b, &y) == 0 &&
		str_eq(buf_text(&x), buf_text(&y));
}

static struct port *port_find(const struct ports *p, const struct vpnkit_port *asked)
{
	for (struct list *l = p->list.next; l != &p->list; l = l->next) {
		struct port *one = list_entry(l, struct port, place);

		if (ports_same(&one->asked, asked) || ports_same(&one->open, asked))
			return one;
	}
	return NULL;
}

static void port_free(struct port *one)
{
	if (!list_empty(&one->place)) {
		list_remove(&one->place);
		one->all->count--;
	}
	listener_stop(&one->listener);
	if (one->udp)
		udp_port_close(one->udp);
	if (one->file)
		unlinkat(one->all->state_fd, one->file, 0); /* somebody may have removed it already */
	free(one->file);
	vpnkit_port_clear(&one->asked);
	vpnkit_port_clear(&one->open);
	free(one);
}

/* --- opening ------------------------------------------------------------------------------------------------------ */

static bool port_room(struct listener *l)
{
	const struct port *one = l->data;

	return one->all->streams + one->all->channels + one->all->relays.count < STREAMS_MAX;
}

static void port_accepted(struct listener *l, int fd, const struct sockaddr *from)
{
	struct port *one = l->data;

	(void)from;
	carry_start(one->all, fd, &one->to);
}

static int port_serve(struct port *one, int fd, struct error *err)
{
	one->listener = (struct listener){ .accepted = port_accepted, .room = port_room, .data = one };
	if (one->open.proto != VPNKIT_UDP)
		return listener_start(&one->listener, one->all->loop, fd, err);
	one->udp = udp_port_open(&one->all->udp, fd, &one->to, err);
	return one->udp ? 0 : -1;
}

/* The name of a socket in the state directory: as such, or by its path. */
static const char *socket_name(const struct ports *p, const char *path)
{
	size_t n = strlen(p->state);

	if (strncmp(path, p->state, n) == 0 && path[n] == '/')
		path += n + 1;
	return *path == '\0' || *path == '.' || strchr(path, '/') ? NULL : path;
}

static int port_open_socket(struct port *one, struct error *err)
{
	const struct ports *p = one->all;
	const char *name = socket_name(p, one->open.out_path);
	struct sockaddr_un address;
	int fd;

	if (!name)
		return error_say(err, EACCES, "out_path %s: a socket of the host is made in %s alone",
				 one->open.out_path, p->state);
	if (unixsock_address(&address, p->state_fd, p->state, name) < 0)
		return error_set(err, errno, "out_path %s", name);
	fd = unixsock_listen(&address, SOCK_STREAM, 1024, err);
	if (fd < 0)
		return -1;
	one->file = strdup(name);
	return port_serve(one, fd, err);
}

static int port_open(struct port *one, struct error *err)
{
	const struct ports *p = one->all;
	struct vpnkit_ip ip = one->open.out_ip;
	int fd;

	if (one->open.proto == VPNKIT_UNIX && one->who == PORTS_GUEST)
		return error_say(err, EACCES, "out_path %s: the guest may not have sockets made", one->open.out_path);
	if (one->open.proto == VPNKIT_UNIX)
		return port_open_socket(one, err);
	if (one->who == PORTS_GUEST && !allow_check(p->allow, &one->open, &ip)) {
		char text[64];

		return error_say(err, EACCES, "Bind for %s:%u: permission denied: the host allows %s",
				 vpnkit_ip_text(&ip, text, sizeof(text)), one->open.out_port,
				 "other ports and addresses alone (pith run --forward-allow)");
	}
	one->open.out_ip = ip;
	fd = bind_port(&one->open, &ip, err);
	return fd < 0 ? -1 : port_serve(one, fd, err);
}

static struct port *port_new(struct ports *p, const struct vpnkit_port *asked, enum ports_asker who, struct error *err)
{
	struct port *one = calloc(1, sizeof(*one));

	if (!one) {
		error_set(err, ENOMEM, "port");
		return NULL;
	}
	one->all = p;
	one->who = who;
	list_init(&one->place);
	if (vpnkit_port_copy(&one->asked, asked) < 0 || vpnkit_port_copy(&one->open, asked) < 0) {
		error_set(err, ENOMEM, "port");
	} else if (vpnkit_port_destination(asked, &one->to, err) == 0 && port_open(one, err) == 0) {
		return one;
	}
	port_free(one);
	return NULL;
}

int ports_expose(struct ports *p, const struct vpnkit_port *port, enum ports_asker who, struct error *err)
{
	_cleanup_buf_ struct buf text = { 0 };
	struct port *one;

	if (port_find(p, port))
		return 0;
	if (p->count >= PORTS_MAX)
		return error_say(err, ENOSPC, "%d ports are open: no more can be", PORTS_MAX);
	one = port_new(p, port, who, err);
	if (!one)
		return -1;
	list_append(&p->list, &one->place);
	p->count++;
	if (vpnkit_port_describe(&one->open, &text) == 0)
		log_debug("forward: %s", buf_text(&text));
	return 0;
}

int ports_unexpose(struct ports *p, const struct vpnkit_port *port, enum ports_asker who, struct error *err)
{
	struct port *one = port_find(p, port);

	if (one && who == PORTS_GUEST && one->who != PORTS_GUEST)
		return error_say(err, EACCES, "the host's user has opened this port");
	if (one)
		port_free(one);
	return 0;
}

/* --- telling ------------------------------------------------------------------------------------------------------ */

int ports_list(const struct ports *p, struct buf *out)
{
	struct jsonw w = { .out = out, .compact = true };

	jsonw_list(&w, NULL);
	for (struct list *l = p->list.next; l != &p->list; l = l->next)
		vpnkit_port_to_json(&list_entry(l, struct port, place)->open, &w, NULL);
	jsonw_end(&w);
	return jsonw_done(&w);
}

int ports_dump(const struct ports *p, struct buf *out)
{
	const struct udp *u = &p->udp;
	int r = buf_addf(out,
			 "generation %u\nconnections %zu now, %llu accepted, %llu failed\n"
			 "flows %zu now, %llu datagrams to the guest, %llu to clients, %llu dropped\n",
			 p->tunnel->generation, p->streams + p->channels + p->relays.count,
			 (unsigned long long)p->accepted, (unsigned long long)p->failed, u->count,
			 (unsigned long long)u->out, (unsigned long long)u->in, (unsigned long long)u->dropped);

	for (struct list *l = p->list.next; r == 0 && l != &p->list; l = l->next) {
		const struct port *one = list_entry(l, struct port, place);

		r = vpnkit_port_describe(&one->open, out) < 0 ||
				buf_addstr(out, one->who == PORTS_GUEST ? " (guest)\n" : "\n") < 0
			? -1
			: 0;
	}
	if (r == 0 && p->tunnel->state == TUNNEL_CHANNELS)
		r = vpnkit_mux_dump(&p->tunnel->link.mux, out);
	return r;
}

/* --- all of them -------------------------------------------------------------------------------------------------- */

void ports_init(struct ports *p)
{
	list_init(&p->list);
	relays_init(&p->relays, p->loop);
}

void ports_close(struct ports *p)
{
	while (!list_empty(&p->list))
		port_free(list_entry(p->list.next, struct port, place));
}
