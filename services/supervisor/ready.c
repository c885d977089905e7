#include "ready.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "backoff.h"
#include "beneath.h"
#include "cleanup.h"

static const struct backoff retry = { .first = 10 * 1000, .most = 500 * 1000 };

static void try_now(struct loop_timer *timer);

static void try_later(struct ready *r)
{
	loop_io_remove(&r->io);
	cleanup_close(&r->io.fd);
	r->io.fd = -1;
	r->timer = (struct loop_timer){ .fn = try_now, .data = r };
	r->delay = backoff_next(&retry, r->delay);
	loop_timer_after(r->of.loop, &r->timer, r->delay, NULL);
}

static void ready_tell(struct ready *r)
{
	ready_end(r);
	r->of.done(r->of.data);
}

/* --- connections ----------------------------------------------------------------------------------------- */

static void connection_done(struct loop_io *io, uint32_t events)
{
	struct ready *r = io->data;
	socklen_t size = sizeof(int);
	int code = 0;

	(void)events;
	if (getsockopt(io->fd, SOL_SOCKET, SO_ERROR, &code, &size) == 0 && code == 0)
		ready_tell(r);
	else
		try_later(r);
}

static void connection_try(struct ready *r, int fd, const struct sockaddr *address, socklen_t size)
{
	r->io = (struct loop_io){ .fd = fd, .events = EPOLLOUT, .fn = connection_done, .data = r };
	if (fd < 0) {
		try_later(r);
	} else if (connect(fd, address, size) == 0) {
		ready_tell(r);
	} else if (errno != EINPROGRESS || loop_io_add(r->of.loop, &r->io, NULL) < 0) {
		try_later(r);
	}
}

/* The path is the container's own, and so are the links in it: it is resolved in the container's root, and connected to
 * through what was found there. */
static void try_unix(struct ready *r)
{
	const struct beneath_want want = { .owner = BENEATH_ANY_OWNER, .follow = true };
	_cleanup_close_ int root = -1, place = -1;
	struct sockaddr_un address;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/root", (int)r->pid);
	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	place = root < 0 ? -1 : beneath_socket(root, r->of.policy->ready_text, want, &address, NULL);
	if (place < 0) {
		try_later(r);
		return;
	}
	connection_try(r, socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), (struct sockaddr *)&address,
		       sizeof(address));
}

/* A socket belongs to the network namespace that it is made in: we enter the service's only for that. */
static int socket_inside(pid_t pid, int family)
{
	_cleanup_close_ int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), there = -1;
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	there = open(path, O_RDONLY | O_CLOEXEC);
	if (home < 0 || there < 0 || setns(there, CLONE_NEWNET) < 0)
		return -1;
	fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (setns(home, CLONE_NEWNET) < 0)
		abort(); /* lost in a container's network: PID 1 starts us again */
	return fd;
}

static void try_tcp(struct ready *r)
{
	const struct policy *p = r->of.policy;
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(p->ready_port) };
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(p->ready_port) };

	if (p->ready_address && inet_pton(AF_INET6, p->ready_address, &v6.sin6_addr) == 1) {
		connection_try(r, socket_inside(r->pid, AF_INET6), (struct sockaddr *)&v6, sizeof(v6));
		return;
	}
	inet_pton(AF_INET, p->ready_address ? p->ready_address : "127.0.0.1", &v4.sin_addr);
	connection_try(r, socket_inside(r->pid, AF_INET), (struct sockaddr *)&v4, sizeof(v4));
}

/* --- commands and text --------------------------------------------------------------------------------------- */

static void command_done(void *data, int code)
{
	struct ready *r = data;

	r->running = false;
	if (!r->active)
		return;
	if (code == 0)
		ready_tell(r);
	else
		try_later(r);
}

static void try_exec(struct ready *r)
{
	struct engine *e = r->of.engine;

	r->running = true;
	if (e->ops->exec(e, r->of.container, r->of.policy->ready_argv, command_done, r, NULL) < 0) {
		r->running = false;
		try_later(r);
	}
}

static void text_found(struct capture *c)
{
	struct ready *r = c->data;

	r->seen = true;
	if (r->active)
		ready_tell(r);
}

void ready_arm(struct ready *r, const struct ready_subject *of)
{
	r->of = *of;
	r->seen = false;
	if (of->policy->ready == POLICY_READY_LOG)
		capture_want(of->capture, of->policy->ready_text, text_found, r);
}

static void try_now(struct loop_timer *timer)
{
	struct ready *r = timer->data;

	switch (r->of.policy->ready) {
	case POLICY_READY_EXEC:
		if (r->running)
			try_later(r); /* a check of the process before this one is still on its way */
		else
			try_exec(r);
		break;
	case POLICY_READY_UNIX:
		try_unix(r);
		break;
	case POLICY_READY_TCP:
		try_tcp(r);
		break;
	default:
		break;
	}
}

void ready_begin(struct ready *r, pid_t pid)
{
	r->pid = pid;
	r->active = true;
	r->delay = 0;
	r->io.fd = -1;
	r->timer = (struct loop_timer){ .fn = try_now, .data = r };
	if (r->seen)
		ready_tell(r);
	else
		try_now(&r->timer);
}

void ready_end(struct ready *r)
{
	if (!r->of.loop)
		return;
	capture_want(r->of.capture, NULL, NULL, NULL);
	if (!r->active)
		return;
	r->active = false;
	loop_timer_disarm(&r->timer);
	loop_io_remove(&r->io);
	cleanup_close(&r->io.fd);
	r->io.fd = -1;
}
