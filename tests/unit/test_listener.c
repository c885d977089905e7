/* lib/sys/listener: connections, the rest when descriptors run out, a stop in the middle. */
#include <errno.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <unistd.h>

#include "listener.h"
#include "tap.h"

enum { CLIENTS = 4, PATIENCE_US = 10 * 1000 * 1000 };

static struct {
	int fds[CLIENTS], count, rests, code, rounds;
	bool stop, full;
} seen;

static void on_accepted(struct listener *l, int fd, const struct sockaddr *from)
{
	if (from->sa_family == AF_UNIX && seen.count < CLIENTS)
		seen.fds[seen.count++] = fd;
	if (seen.stop)
		listener_stop(l);
}

static void on_resting(struct listener *l, int code)
{
	(void)l;
	seen.rests++;
	seen.code = code;
}

static bool has_room(struct listener *l)
{
	(void)l;
	return !seen.full;
}

/* Rounds of the loop until so many were accepted. */
static void accept_all(struct loop *loop, int count)
{
	uint64_t deadline = loop_now() + PATIENCE_US;

	for (seen.rounds = 0; seen.count < count && loop_now() < deadline; seen.rounds++)
		loop_once(loop, PATIENCE_US, NULL);
}

static int connected(const struct sockaddr_un *address, socklen_t size)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return connect(fd, (const struct sockaddr *)address, size) == 0 ? fd : -1;
}

int main(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct listener l = { .accepted = on_accepted, .room = has_room, .resting = on_resting };
	struct loop *loop = loop_new(NULL);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), clients[CLIENTS], next;
	socklen_t size = sizeof(address);
	struct rlimit limit, low;

	/* the kernel chooses a name that no file has */
	ok(bind(fd, (struct sockaddr *)&address, sizeof(sa_family_t)) == 0 && listen(fd, CLIENTS) == 0 &&
		   getsockname(fd, (struct sockaddr *)&address, &size) == 0,
	   "a socket");
	ok(!listener_active(&l), "one that was not started");
	listener_stop(&l);
	ok(listener_start(&l, loop, fd, NULL) == 0 && listener_active(&l), "it listens");

	clients[0] = connected(&address, size);
	clients[1] = connected(&address, size);
	accept_all(loop, 2);
	ok(seen.count == 2 && seen.rounds == 1, "two connections in one round");

	clients[2] = connected(&address, size);
	getrlimit(RLIMIT_NOFILE, &limit);
	next = dup(0);
	close(next);
	low = (struct rlimit){ .rlim_cur = (rlim_t)next, .rlim_max = limit.rlim_max };
	setrlimit(RLIMIT_NOFILE, &low);
	loop_once(loop, PATIENCE_US, NULL);
	ok(seen.rests == 1 && seen.code == EMFILE, "it rests when descriptors run out");
	loop_once(loop, 0, NULL);
	ok(seen.rests == 1 && seen.count == 2, "and does not look again at once");
	setrlimit(RLIMIT_NOFILE, &limit);
	accept_all(loop, 3);
	ok(seen.count == 3 && seen.rests == 1, "who waited is accepted after it");

	seen.full = true;
	clients[3] = connected(&address, size);
	loop_once(loop, PATIENCE_US, NULL);
	ok(seen.rests == 2 && seen.count == 3, "it rests while its owner has no room");
	seen.full = false;
	seen.stop = true;
	accept_all(loop, 4);
	ok(seen.count == 4 && !listener_active(&l), "its owner may stop it for a connection");
	ok(connected(&address, size) < 0, "nobody listens any more");
	for (int i = 0; i < CLIENTS; i++) {
		close(clients[i]);
		close(seen.fds[i]);
	}
	loop_free(loop);
	return tap_done();
}
