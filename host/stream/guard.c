/* The guard waits in read(2) on a socket whose other end only this process holds. A byte means: go home. The end of
 * file means that this process has ended: remove the path. It answers by closing its own end, which guard_fire() waits
 * for. Nobody reaps it as our child: it is forked twice. */
#include "guard.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "io.h"
#include "process.h"

static void guard_run(int fd, const char *path)
{
	sigset_t all;
	char byte;
	ssize_t r;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	setsid();
	prctl(PR_SET_NAME, "pith-guard");
	/* it must not keep a pipe of ours open */
	if (dup2(fd, 3) < 0)
		_exit(1);
	close(0);
	close(1);
	close(2);
	if (close_range(4, ~0U, 0) < 0)
		for (int i = 4; i < 1024; i++)
			close(i);
	do
		r = read(3, &byte, 1);
	while (r < 0 && errno == EINTR);
	if (r == 0)
		dir_remove(path, NULL);
	_exit(0);
}

int guard_start(const char *path, struct error *err)
{
	_cleanup_close_ int ours = -1, theirs = -1;
	int pair[2], status = 0;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return error_set(err, errno, "%s: guarding it", path);
	ours = pair[0];
	theirs = pair[1];
	pid = fork();
	if (pid < 0)
		return error_set(err, errno, "%s: guarding it", path);
	if (pid == 0) {
		pid = fork();
		if (pid == 0)
			guard_run(theirs, path);
		_exit(pid < 0);
	}
	status = child_reap(pid);
	if (status != 0)
		return error_set(err, EAGAIN, "%s: guarding it", path);
	return steal_fd(&ours);
}

void guard_release(int *guard)
{
	if (*guard >= 0) {
		/* a guard that is gone already needs no word */
		send(*guard, "", 1, MSG_NOSIGNAL);
		close(steal_fd(guard));
	}
}

void guard_fire(int *guard)
{
	char byte;

	if (*guard < 0)
		return;
	shutdown(*guard, SHUT_WR);
	while (read(*guard, &byte, 1) < 0 && errno == EINTR)
		;
	close(steal_fd(guard));
}
