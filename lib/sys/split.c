#include "split.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"
#include "spawn.h"

int split_begin(struct split *s, const char *name, struct error *err)
{
	pid_t actor = getpid();
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
		return error_set(err, errno, "a pair of sockets");
	s->pid = fork();
	if (s->pid < 0) {
		close(ends[0]);
		close(ends[1]);
		return error_set(err, errno, "fork");
	}
	s->io.fd = ends[s->pid == 0];
	close(ends[s->pid != 0]);
	if (s->pid > 0)
		return 1;
	prctl(PR_SET_NAME, name);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != actor) /* it was too fast for that */
		_exit(1);
	return 0;
}

int split_say(const struct split *s, uint32_t word, struct error *err)
{
	return send(s->io.fd, &word, sizeof(word), MSG_NOSIGNAL) == (ssize_t)sizeof(word)
		? 0
		: error_set(err, errno, "tell the process that acts");
}

static void word_ready(struct loop_io *io, uint32_t events)
{
	struct split *s = io->data;
	uint32_t word;
	ssize_t n;

	(void)events;
	while ((n = recv(io->fd, &word, sizeof(word), MSG_DONTWAIT)) == (ssize_t)sizeof(word))
		s->heard(s->data, word);
	if (n >= 0 || (errno != EAGAIN && errno != EINTR))
		loop_io_remove(io); /* its end, which reader_ended() is told of */
}

static void reader_ended(struct loop_child *child, int status)
{
	struct split *s = child->data;

	if (loop_io_active(&s->io))
		word_ready(&s->io, EPOLLIN);
	s->ended(s->data, spawn_status_code(status));
}

int split_watch(struct split *s, struct loop *loop, struct error *err)
{
	s->io = (struct loop_io){ .fd = s->io.fd, .events = EPOLLIN, .fn = word_ready, .data = s };
	s->reader = (struct loop_child){ .fn = reader_ended, .data = s };
	return loop_child_add(loop, &s->reader, s->pid, err) < 0 ? -1 : loop_io_add(loop, &s->io, err);
}
