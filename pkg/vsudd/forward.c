#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

#include "log.h"
#include "ports.h"
#include "str.h"
#include "unixsock.h"
#include "vsock.h"
#include "vsudd.h"

enum {
	BACKLOG = 4096,   /* libc's SOMAXCONN is the one of old kernels; the kernel cuts it to its own */
	RETRY_US = 10000, /* while the target's backlog is full */
	RETRIES = 200,    /* two seconds */
	CONNECT_US = 5 * 1000000,
};

/* A connection that is not joined yet:
 *
 *   forward_accepted --+-- in: dial_unix -- backlog full --> tried again every 10 ms, for two seconds ----+
 *                      |       | connected                                                                |
 *                      |       v                                                                          |
 *                      |   dial_done: a relay carries the bytes from here on (relay.h)        dial_failed: both
 *                      |       ^                                                              connections end
 *                      |       | connected                                                                ^
 *                      +-- out: dial_vsock -- refused, or no answer in five seconds ----------------------+
 */
struct dial {
	struct forward *forward;
	struct loop_io io; /* the vsock connection being made; .fd -1: none */
	struct loop_timer timer;
	int fd; /* the one accepted */
	int tries;
};

/* --- where connections go ---------------------------------------------------------------------------------------- */

static void dial_free(struct dial *d)
{
	loop_io_remove(&d->io);
	loop_timer_disarm(&d->timer);
	if (d->io.fd >= 0)
		close(d->io.fd);
	if (d->fd >= 0)
		close(d->fd);
	free(d);
}

static void forward_say(struct forward *f, int code)
{
	if (code == f->last_error)
		return;
	f->last_error = code;
	if (code == 0)
		log_info("%s: connections again", f->path);
	else if (f->out)
		log_warn("%s: vsock %u:%u: %s", f->path, f->cid, f->port, strerror(code));
	else
		log_warn("vsock port %u: %s: %s", f->port, f->path, strerror(code));
}

static void dial_done(struct dial *d, int target)
{
	_cleanup_error_ struct error e = { 0 };

	forward_say(d->forward, 0);
	if (relay_start(d->forward->relays, steal_fd(&d->fd), target, &e) < 0)
		log_warn("%s", error_text(&e));
	dial_free(d);
}

static void dial_failed(struct dial *d, int code)
{
	forward_say(d->forward, code);
	dial_free(d);
}

static void dial_unix(struct dial *d)
{
	int fd = unixsock_connect(&d->forward->address, SOCK_STREAM);

	if (fd >= 0)
		dial_done(d, fd);
	else if (errno != EAGAIN || ++d->tries == RETRIES ||
		 loop_timer_after(d->forward->relays->loop, &d->timer, RETRY_US, NULL) < 0)
		dial_failed(d, errno);
}

static void vsock_ready(struct loop_io *io, uint32_t events)
{
	struct dial *d = io->data;
	int code = 0;
	socklen_t len = sizeof(code);

	(void)events;
	if (getsockopt(io->fd, SOL_SOCKET, SO_ERROR, &code, &len) < 0)
		code = errno;
	if (code != 0) {
		dial_failed(d, code);
		return;
	}
	loop_io_remove(io);
	dial_done(d, steal_fd(&io->fd));
}

static void dial_vsock(struct dial *d)
{
	_cleanup_error_ struct error e = { 0 };
	struct loop *loop = d->forward->relays->loop;

	d->io = (struct loop_io){ .events = EPOLLOUT, .fn = vsock_ready, .data = d };
	d->io.fd = vsock_connect(d->forward->cid, d->forward->port, SOCK_STREAM, &e);
	if (d->io.fd < 0 || loop_io_add(loop, &d->io, &e) < 0 || loop_timer_after(loop, &d->timer, CONNECT_US, &e) < 0)
		dial_failed(d, e.code);
}

static void dial_timer(struct loop_timer *t)
{
	struct dial *d = t->data;

	if (d->forward->out)
		dial_failed(d, ETIMEDOUT);
	else
		dial_unix(d);
}

static void dial_start(struct forward *f, int fd)
{
	struct dial *d = calloc(1, sizeof(*d));

	if (!d) {
		close(fd);
		return;
	}
	*d = (struct dial){ .forward = f, .fd = fd, .io.fd = -1, .timer = { .fn = dial_timer, .data = d } };
	if (f->out)
		dial_vsock(d);
	else
		dial_unix(d);
}

/* --- where they come from ---------------------------------------------------------------------------------------- */

/* A container of this guest has a vsock socket as well as the host, and no right to what the host may have. */
static bool peer_welcome(struct forward *f, uint32_t cid)
{
	if (f->out || f->from == VMADDR_CID_ANY || cid == f->from)
		return true;
	if (!f->refused)
		log_warn("vsock port %u: refused a connection from cid %u", f->port, cid);
	f->refused = true;
	return false;
}

static void forward_accepted(struct listener *l, int fd, const struct sockaddr *from)
{
	struct forward *f = l->data;

	if (peer_welcome(f, vsock_cid(from)))
		dial_start(f, fd);
	else
		close(fd);
}

static void forward_resting(struct listener *l, int code)
{
	forward_say(l->data, code);
}

static int inport_listen(struct forward *f, struct error *err)
{
	_cleanup_error_ struct error e = { 0 };
	int fd = -1;

	f->lease = ports_ask(PORTS_SOCKET, f->port, &fd, &e);
	if (f->lease < 0 && e.code == ENOENT)
		return vsock_listen(f->port, SOCK_STREAM, BACKLOG, err);
	if (f->lease >= 0 && fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) < 0)
		return error_set(err, errno, "vsock port %u", f->port);
	return f->lease < 0 ? error_move(err, &e) : fd;
}

int forward_open(struct forward *f, struct relays *relays, struct error *err)
{
	int fd;

	f->relays = relays;
	if (unixsock_address(&f->address, -1, NULL, f->path) < 0)
		return error_set(err, errno, "%s", f->path);
	fd = f->out ? unixsock_listen(&f->address, SOCK_STREAM, BACKLOG, err) : inport_listen(f, err);
	f->listener = (struct listener){ .accepted = forward_accepted, .resting = forward_resting, .data = f };
	return fd < 0 ? -1 : listener_start(&f->listener, relays->loop, fd, err);
}

/* --- parsers ----------------------------------------------------------------------------------------------------- */

int forward_parse_in(char *text, struct forward *f, struct error *err)
{
	char *kind = strchr(text, ':'), *path = kind ? strchr(kind + 1, ':') : NULL;

	*f = (struct forward){ .lease = -1, .from = VMADDR_CID_HOST };
	if (!path || path[1] == '\0')
		return error_set(err, 0, "\"%s\" is not PORT:unix:PATH", text);
	*kind++ = '\0';
	*path++ = '\0';
	if (!str_eq(kind, "unix"))
		return error_set(err, 0, "vsock port %s: cannot forward to \"%s\", only to unix", text, kind);
	if (vsock_parse_port(text, &f->port) < 0)
		return error_set(err, 0, "\"%s\" is no vsock port, nor the GUID of one", text);
	f->path = path;
	return 0;
}

/* From the end: a path may have colons. */
int forward_parse_out(char *text, struct forward *f, struct error *err)
{
	char *port = strrchr(text, ':'), *cid = NULL;
	uint64_t number;

	*f = (struct forward){ .out = true, .lease = -1 };
	if (port) {
		*port = '\0';
		cid = strrchr(text, ':');
		*port = ':';
	}
	if (!str_starts(text, "unix:") || !cid || cid <= text + strlen("unix:"))
		return error_set(err, 0, "\"%s\" is not unix:PATH:CID:PORT", text);
	*port++ = '\0';
	*cid++ = '\0';
	if (str_to_u64(cid, UINT32_MAX - 1, &number) < 0)
		return error_set(err, 0, "\"%s\" is no context id", cid);
	if (vsock_parse_port(port, &f->port) < 0)
		return error_set(err, 0, "\"%s\" is no vsock port, nor the GUID of one", port);
	f->cid = (uint32_t)number;
	f->path = text + strlen("unix:");
	return 0;
}

int forward_parse_from(const char *text, uint32_t *cid, struct error *err)
{
	uint64_t number;

	if (str_eq(text, "host"))
		*cid = VMADDR_CID_HOST;
	else if (str_eq(text, "any"))
		*cid = VMADDR_CID_ANY;
	else if (str_to_u64(text, UINT32_MAX - 1, &number) == 0)
		*cid = (uint32_t)number;
	else
		return error_set(err, 0, "-from %s: \"host\", \"any\" or a context id", text);
	return 0;
}
