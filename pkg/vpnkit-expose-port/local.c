#include "local.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#include "cleanup.h"
#include "io.h"
#include "log.h"

enum { BACKLOG = 4096 };

/* A connection to the container that is being made. */
struct dial {
	struct local *local;
	struct loop_io io;
	int fd; /* the one accepted */
};

static void dial_ready(struct loop_io *io, uint32_t events)
{
	struct dial *d = io->data;
	int code = 0;
	socklen_t len = sizeof(code);

	(void)events;
	if (getsockopt(io->fd, SOL_SOCKET, SO_ERROR, &code, &len) < 0)
		code = errno;
	loop_io_remove(io);
	if (code == 0) {
		relay_start(&d->local->relays, d->fd, io->fd, NULL); /* without memory both are closed */
	} else {
		close(d->fd);
		close(io->fd);
	}
	free(d);
}

static void local_accepted(struct listener *l, int fd, const struct sockaddr *from)
{
	struct local *local = l->data;
	struct dial *d = calloc(1, sizeof(*d));

	(void)from;
	if (!d) {
		close(fd);
		return;
	}
	*d = (struct dial){ .local = local, .fd = fd };
	d->io = (struct loop_io){ .events = EPOLLOUT, .fn = dial_ready, .data = d };
	d->io.fd = socket(local->to.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (d->io.fd >= 0 &&
	    (connect(d->io.fd, (struct sockaddr *)&local->to, local->to_len) == 0 || errno == EINPROGRESS) &&
	    loop_io_add(local->relays.loop, &d->io, NULL) == 0)
		return;
	if (d->io.fd >= 0)
		close(d->io.fd);
	close(fd);
	free(d);
}

/* A socket of the port's host side; -1 with errno. */
static int local_socket(const struct vpnkit_port *p)
{
	struct sockaddr_storage at;
	socklen_t len = vpnkit_ip_address(&p->out_ip, p->out_port, &at);
	int tcp = p->proto == VPNKIT_TCP, type = tcp ? SOCK_STREAM : SOCK_DGRAM;
	_cleanup_close_ int fd = socket(at.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	/* Of TCP, what an old connection still has may be taken; of UDP that would be another program's port. */
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &tcp, sizeof(tcp)) < 0 ||
	    bind(fd, (struct sockaddr *)&at, len) < 0 || (tcp && listen(fd, BACKLOG) < 0))
		return -1;
	return steal_fd(&fd);
}

static int local_inherited(enum vpnkit_proto proto)
{
	int value = 0, name = proto == VPNKIT_TCP ? SO_ACCEPTCONN : SO_TYPE,
	    want = proto == VPNKIT_TCP ? 1 : SOCK_DGRAM;
	socklen_t len = sizeof(value);

	if (getsockopt(LOCAL_LISTEN_FD, SOL_SOCKET, name, &value, &len) < 0 || value != want)
		return -1;
	return LOCAL_LISTEN_FD;
}

int local_listen(struct local *l, struct loop *loop, const struct vpnkit_port *p, bool inherited, struct error *err)
{
	int fd;

	if (p->proto == VPNKIT_UNIX || (l->bind == LOCAL_NEVER && !inherited))
		return 0;
	fd = inherited ? local_inherited(p->proto) : local_socket(p);
	if (fd < 0 && inherited)
		return error_set(err, 0, "-use-listen-fd: descriptor %d is no socket that listens", LOCAL_LISTEN_FD);
	if (fd < 0 && (errno == EADDRNOTAVAIL || l->bind != LOCAL_ALWAYS)) {
		log_debug("not bound in this machine");
		return 0;
	}
	if (fd < 0 || io_nonblock(fd) < 0)
		return error_set(err, errno, "listen in this machine, port %u", p->out_port);
	l->to_len = vpnkit_ip_address(&p->in_ip, p->in_port, &l->to);
	if (p->proto == VPNKIT_UDP)
		return local_udp_start(&l->udp, loop, fd, &l->to, l->to_len, err);
	relays_init(&l->relays, loop);
	l->listener = (struct listener){ .accepted = local_accepted, .data = l };
	return listener_start(&l->listener, loop, fd, err);
}

void local_close(struct local *l)
{
	listener_stop(&l->listener);
	local_udp_stop(&l->udp);
}
