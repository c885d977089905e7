/* vsock ports that the machine holds: handed to a service, one at a time, and held again after it. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

#include "fdpass.h"
#include "keeper.h"
#include "ports.h"
#include "tap.h"
#include "unixsock.h"
#include "vsock.h"

enum { FIRST = 40 };

/* A service asks in a thread of its own, since it waits for the answer. */
struct question {
	const char *path;
	uint32_t port;
	int lease, listener, code;
	pthread_t thread;
	bool done;
};

static void *question_run(void *data)
{
	struct question *q = data;
	_cleanup_error_ struct error e = { 0 };

	q->lease = ports_ask(q->path, q->port, &q->listener, &e);
	q->code = e.code;
	__atomic_store_n(&q->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static struct question ask(struct loop *loop, const char *path, uint32_t port)
{
	struct question q = { .path = path, .port = port, .lease = -1, .listener = -1 };

	pthread_create(&q.thread, NULL, question_run, &q);
	while (!__atomic_load_n(&q.done, __ATOMIC_ACQUIRE))
		loop_once(loop, 10000, NULL);
	pthread_join(q.thread, NULL);
	return q;
}

static int listen_at(const char *path)
{
	struct sockaddr_un address;

	unixsock_address(&address, -1, NULL, path);
	return unixsock_listen(&address, SOCK_SEQPACKET, 8, NULL);
}

static uint32_t port_of(int fd)
{
	struct sockaddr_vm a = { 0 };
	socklen_t n = sizeof(a);

	return getsockname(fd, (struct sockaddr *)&a, &n) == 0 && a.svm_family == AF_VSOCK ? a.svm_port : 0;
}

static bool listens(int fd)
{
	int on = 0;
	socklen_t n = sizeof(on);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &n) == 0 && on;
}

static void test_handed(const char *path, uint32_t port, int held)
{
	_cleanup_error_ struct error e = { 0 };
	struct loop *loop = loop_new(NULL);
	int agent, asked = listen_at(path);
	struct question a, b;
	struct keeper *k;

	ok(dup2(asked, FIRST) == FIRST && dup2(held, FIRST + 1) == FIRST + 1, "two sockets");
	close(asked);
	close(held);
	k = keeper_open(loop, FIRST, 2, &agent, &e);
	ok(k && agent == -1, "the machine holds a port, and none of its own: %s", error_text(&e));
	ok(!listens(FIRST + 1), "nobody listens on it");
	ok(vsock_bind(port, SOCK_STREAM, &e) < 0 && e.code == EADDRINUSE, "nobody else can have it");
	error_clear(&e);
	ok(vsock_bind(port, SOCK_SEQPACKET, &e) < 0 && e.code == EADDRINUSE, "nor for messages");
	a = ask(loop, path, port + 1);
	ok(a.lease < 0 && a.code == ENOENT, "a port that is not held");
	a = ask(loop, path, port);
	ok(a.lease >= 0 && listens(a.listener) && port_of(a.listener) == port, "a service is handed it");
	b = ask(loop, path, port);
	ok(b.lease < 0 && b.code == EADDRINUSE, "another one is not");
	close(a.listener);
	close(a.lease);
	b = ask(loop, path, port);
	ok(b.lease >= 0 && port_of(b.listener) == port, "but after it");
	error_clear(&e);
	ok(vsock_bind(port, SOCK_STREAM, &e) < 0 && e.code == EADDRINUSE, "in between it was nobody's");
	/* The agent comes anew while the service has it: what it was given before is what it finds. */
	int again[2] = { dup(FIRST), dup(FIRST + 1) };
	keeper_close(k);
	dup2(again[0], FIRST);
	dup2(again[1], FIRST + 1);
	close(again[0]);
	close(again[1]);
	k = keeper_open(loop, FIRST, 2, &agent, NULL);
	close(b.listener);
	close(b.lease);
	a = ask(loop, path, port);
	ok(k && a.lease >= 0 && port_of(a.listener) == port, "another agent hands on what the first one held");
	close(a.listener);
	close(a.lease);
	keeper_close(k);
	a = ask(loop, path, port);
	ok(a.lease < 0 && a.code == ENOENT, "with nobody to ask, a port is not held");
	loop_free(loop);
}

static int descriptors_count(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* A peer that sends more descriptors than one: the others do not stay open here. */
static void test_one(void)
{
	union {
		struct cmsghdr first;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control = {
		.first = { .cmsg_len = CMSG_LEN(2 * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS }
	};
	struct iovec iov = { (char *)"x", 1 };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)
	};
	int pair[2], fd, before;
	char byte;

	ok(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0, "two ends");
	memcpy(CMSG_DATA(&control.first), pair, sizeof(pair));
	before = descriptors_count();
	ok(sendmsg(pair[0], &m, 0) == 1 && fdpass_receive(pair[1], &byte, 1, &fd) == 1 && fd >= 0, "one is received");
	ok(descriptors_count() == before + 1, "and the other is not");
	close(fd);
	ok(fdpass_send(pair[0], "y", 1, -1) == 0 && fdpass_receive(pair[1], &byte, 1, &fd) == 1 && fd < 0, "nor any");
	close(pair[0]);
	ok(fdpass_receive(pair[1], &byte, 1, &fd) == 0 && fd < 0, "the end");
	close(pair[1]);
}

int main(void)
{
	char dir[] = "/tmp/test-ports-XXXXXX", path[64];
	uint32_t port = 0;
	int held = -1;

	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/ports", dir);
	for (int i = 0; i < 100 && held < 0; i++) {
		port = 100000 + ((uint32_t)getpid() * 7919 + (uint32_t)i) % 1000000;
		held = vsock_bind(port, SOCK_STREAM, NULL);
	}
	if (held < 0) {
		printf("ok 1 - ports # SKIP this kernel has no vsock\n1..1\n");
	} else {
		test_one();
		test_handed(path, port, held);
	}
	unlink(path);
	rmdir(dir);
	return held < 0 ? 0 : tap_done();
}
