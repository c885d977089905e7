#include "resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "io.h"
#include "process.h"

/* What the child writes, in one piece: less than a pipe takes at once. */
struct reply {
	int code; /* of getaddrinfo(3), 0: found */
	uint32_t count;
	struct resolve_address found[RESOLVE_MAX];
};

int resolve_numeric(const char *host, uint16_t port, struct resolve_address *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&out->storage;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&out->storage;
	char bare[INET6_ADDRSTRLEN];
	size_t n = strlen(host);

	*out = (struct resolve_address){ 0 };
	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		out->len = sizeof(*v4);
		return 0;
	}
	if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
		host++;
		n -= 2;
	}
	if (n >= sizeof(bare))
		return -1;
	memcpy(bare, host, n);
	bare[n] = '\0';
	if (inet_pton(AF_INET6, bare, &v6->sin6_addr) != 1)
		return -1;
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	out->len = sizeof(*v6);
	return 0;
}

static void name_ask(const char *name, uint16_t port, struct reply *out)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
	struct addrinfo *list = NULL;
	char digits[8];

	snprintf(digits, sizeof(digits), "%u", port);
	out->code = getaddrinfo(name, digits, &hints, &list);
	for (struct addrinfo *a = out->code ? NULL : list; a && out->count < RESOLVE_MAX; a = a->ai_next) {
		struct resolve_address *to = &out->found[out->count];

		if (a->ai_addrlen > sizeof(to->storage))
			continue;
		to->len = a->ai_addrlen;
		memcpy(&to->storage, a->ai_addr, a->ai_addrlen);
		out->count++;
	}
}

static _Noreturn void child_run(int to, const char *name, uint16_t port, pid_t parent)
{
	struct reply reply = { 0 };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	name_ask(name, port, &reply);
	_exit(io_write(to, &reply, sizeof(reply)) < 0);
}

static void on_reply(struct loop_io *io, uint32_t events)
{
	struct resolve *r = io->data;
	_cleanup_error_ struct error err = { 0 };
	struct reply reply = { .code = EAI_SYSTEM };
	ssize_t n = io_read(io->fd, &reply, sizeof(reply));

	(void)events;
	resolve_stop(r);
	if (n != (ssize_t)sizeof(reply) || reply.count > RESOLVE_MAX)
		reply = (struct reply){ .code = EAI_SYSTEM };
	if (reply.code || reply.count == 0) {
		error_set(&err, 0, "%s",
			  reply.code == EAI_SYSTEM ? "the name cannot be looked up"
				  : reply.code     ? gai_strerror(reply.code)
						   : "the name has no address");
		r->done(r, NULL, 0, &err);
		return;
	}
	r->done(r, reply.found, reply.count, NULL);
}

int resolve_start(struct resolve *r, struct loop *loop, const char *name, uint16_t port, resolve_fn *done,
		  struct error *err)
{
	pid_t parent = getpid();
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set(err, errno, "look up %s", name);
	r->child = fork();
	if (r->child == 0)
		child_run(ends[1], name, port, parent);
	close(ends[1]);
	if (r->child < 0) {
		r->child = 0;
		close(ends[0]);
		return error_set(err, errno, "look up %s", name);
	}
	r->done = done;
	r->io = (struct loop_io){ .fd = ends[0], .events = EPOLLIN, .fn = on_reply, .data = r };
	if (loop_io_add(loop, &r->io, err) < 0) {
		resolve_stop(r);
		return -1;
	}
	return 0;
}

void resolve_stop(struct resolve *r)
{
	if (r->child == 0)
		return;
	loop_io_remove(&r->io);
	close(r->io.fd);
	kill(r->child, SIGKILL); /* it has nothing left to do, or nobody to do it for */
	child_reap(r->child);
	r->child = 0;
}
