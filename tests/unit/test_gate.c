/* The gate in containerd's place: who comes waits, is led through with all bytes and both ends, and meets containerd's
 * own socket afterwards. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "gate.h"
#include "str.h"
#include "tap.h"
#include "unixsock.h"

enum { CALLERS = 100 };

static struct loop *loop;
static unsigned calls, lefts;

static void called(void *data)
{
	(void)data;
	calls++;
}

static void left(void *data)
{
	(void)data;
	lefts++;
}

static void turn(void)
{
	for (int i = 0; i < 20; i++)
		loop_once(loop, 0, NULL);
}

static int connected(const char *path)
{
	struct sockaddr_un address;

	return unixsock_address(&address, -1, NULL, path) < 0 ? -1 : unixsock_connect(&address, SOCK_STREAM);
}

/* What comes until the other end says that this is all; -1: it has not said so. */
static ssize_t drained(int fd)
{
	static char chunk[65536];
	ssize_t n, all = 0;

	for (int i = 0; i < 10000; i++) {
		n = recv(fd, chunk, sizeof(chunk), MSG_DONTWAIT);
		if (n == 0)
			return all;
		if (n > 0)
			all += n;
		else
			loop_once(loop, 0, NULL);
	}
	return -1;
}

/* As much as fits before anybody reads. */
static void much_sent(int fd)
{
	static const char chunk[4096];

	while (send(fd, chunk, sizeof(chunk), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		;
}

static void test_callers(const char *dir)
{
	_cleanup_free_ char *public = str_format("%s/public", dir), *behind = str_format("%s/behind", dir);
	struct gate g = { .called = called, .left = left };
	struct sockaddr_un address;
	int clients[CALLERS], server, there, direct;
	char text[16] = "";
	struct stat st;

	unixsock_address(&address, -1, NULL, behind);
	server = unixsock_listen(&address, SOCK_STREAM, CALLERS, NULL);
	ok(gate_open(&g, loop, public, NULL) == 0, "it listens");
	ok(stat(public, &st) == 0 && (st.st_mode & 0777) == 0660, "for root and root's group");
	ok(!gate_has_callers(&g), "nobody has come");
	for (int i = 0; i < CALLERS; i++) {
		clients[i] = connected(public);
		(void)!send(clients[i], "hello", 5, MSG_NOSIGNAL);
		shutdown(clients[i], SHUT_WR);
		turn();
	}
	ok(calls == CALLERS && gate_has_callers(&g), "all wait, %u", calls);
	ok(accept(server, NULL, NULL) < 0, "and nobody is led before the time");
	gate_lead(&g, behind);
	ok(!gate_has_callers(&g), "all are led");
	for (int i = 0; i < CALLERS; i++) {
		there = accept4(server, NULL, NULL, SOCK_CLOEXEC);
		if (drained(there) != 5)
			ok(false, "caller %d: its words and their end", i);
		(void)!send(there, "answer", 6, MSG_NOSIGNAL);
		close(there);
		memset(text, 0, sizeof(text));
		if (drained(clients[i]) != 6)
			ok(false, "caller %d: the answer and its end", i);
		close(clients[i]);
	}
	turn();
	ok(lefts == 1 && gate_is_quiet(&g), "when the last one has gone it says so");
	clients[0] = connected(public);
	turn();
	ok(!gate_is_quiet(&g), "until somebody comes again");
	ok(calls == CALLERS, "who comes later does not wait");
	there = accept4(server, NULL, NULL, SOCK_CLOEXEC);
	much_sent(clients[0]);
	close(clients[0]);
	ok(drained(there) > 65536, "and may say much");
	close(there);

	ok(gate_take_down(behind, public, NULL) == 0, "the name is given to the other socket");
	ok(gate_take_down(behind, public, NULL) == 0, "once more is no error");
	direct = connected(public);
	there = accept4(server, NULL, NULL, SOCK_CLOEXEC);
	ok(direct >= 0 && there >= 0, "which takes connections itself");
	close(direct);
	close(there);
	gate_lead(&g, NULL);
	gate_close(&g);
	gate_close(&g);
	close(server);
	unlink(public);
	ok(gate_take_down(behind, "/nonexistent/x", NULL) < 0, "a place that is not there");
	unlink(behind);
}

static void test_let_go(const char *dir)
{
	_cleanup_free_ char *public = str_format("%s/public", dir);
	struct gate g = { .called = called }, second = { .called = called };
	int client;

	ok(gate_open(&g, loop, public, NULL) == 0, "it listens");
	ok(gate_open(&second, loop, public, NULL) < 0, "where somebody listens nobody else does");
	client = connected(public);
	turn();
	gate_close(&g);
	ok(drained(client) == 0, "who waits is let go when it closes");
	close(client);
	unlink(public);
}

int main(void)
{
	char dir[] = "/tmp/test_gate.XXXXXX";

	loop = loop_new(NULL);
	if (!mkdtemp(dir) || !loop)
		return 1;
	test_callers(dir);
	test_let_go(dir);
	loop_free(loop);
	rmdir(dir);
	return tap_done();
}
