#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "io.h"
#include "loop.h"
#include "process.h"
#include "str.h"

extern char **environ;

/* What the child reports through the close-on-exec pipe when it cannot become the program. */
struct failure {
	int code;
	enum { AT_USER, AT_SESSION, AT_FDS, AT_TTY, AT_CWD, AT_EXEC } at;
};

static const char *const failure_names[] = {
	[AT_USER] = "root of the namespace", [AT_SESSION] = "new session",   [AT_FDS] = "descriptors",
	[AT_TTY] = "controlling terminal",   [AT_CWD] = "working directory", [AT_EXEC] = "exec",
};

/* Descriptors below the table's highest target would be overwritten while they are still needed: all sources,
 * and the report pipe, first move above it. */
static int place_fds(const struct spawn *s, int *report)
{
	int null, high = 2, moved[32];
	size_t i;

	if (s->fd_count > array_len(moved)) {
		errno = E2BIG;
		return -1;
	}
	for (i = 0; i < s->fd_count; i++)
		if (s->fds[i].to > high)
			high = s->fds[i].to;
	*report = fcntl(*report, F_DUPFD_CLOEXEC, high + 1);
	if (*report < 0)
		return -1;
	for (i = 0; i < s->fd_count; i++) {
		moved[i] = fcntl(s->fds[i].from, F_DUPFD_CLOEXEC, high + 1);
		if (moved[i] < 0)
			return -1;
	}
	if (!s->inherit_stdio) {
		null = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (null < 0)
			return -1;
		for (int fd = 0; fd < 3; fd++)
			if (null == fd ? fcntl(fd, F_SETFD, 0) < 0 : dup2(null, fd) < 0)
				return -1;
	}
	for (i = 0; i < s->fd_count; i++)
		if (dup2(moved[i], s->fds[i].to) < 0)
			return -1;
	return 0;
}

static _Noreturn void child_fail(int report, int at)
{
	struct failure f = { .code = errno, .at = at };

	/* The parent then sees the child die without a reason: still a failure. */
	if (write(report, &f, sizeof(f)) < 0)
		_exit(126);
	_exit(127);
}

/* Until the parent says so; at the end of file it has gone or does not want us. */
static void child_await(int gate)
{
	char go;

	if (io_read(gate, &go, 1) != 1)
		_exit(127);
	close(gate);
}

static _Noreturn void child_run(const struct spawn *s, pid_t parent, int report, const int gate[2])
{
	sigset_t none;

	if (s->recorded) {
		close(gate[1]);
		child_await(gate[0]);
	}
	/* Before the death signal, which a change of users takes away. */
	if (s->namespace_root && (setresgid(0, 0, 0) < 0 || setgroups(0, NULL) < 0 || setresuid(0, 0, 0) < 0))
		child_fail(report, AT_USER);
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL); /* KILL, STOP and libc's own refuse: fine */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (s->death_signal) {
		prctl(PR_SET_PDEATHSIG, s->death_signal);
		/* It may have died before; from a namespace of its own the child cannot tell. */
		if (!(s->namespaces & CLONE_NEWPID) && getppid() != parent)
			raise(s->death_signal);
	}
	/* Where there is no /proc, nobody has lowered it either. */
	if (s->plain_oom_score)
		file_poke("/proc/self/oom_score_adj", "0", NULL);
	if ((s->new_session && setsid() < 0) || (s->new_group && setpgid(0, 0) < 0))
		child_fail(report, AT_SESSION);
	if (place_fds(s, &report) < 0)
		child_fail(report, AT_FDS);
	if (s->controlling_tty && ioctl(s->controlling_tty - 1, TIOCSCTTY, 0) < 0)
		child_fail(report, AT_TTY);
	if (s->cwd && chdir(s->cwd) < 0)
		child_fail(report, AT_CWD);
	if (s->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		child_fail(report, AT_EXEC);
	execvpe(s->path, s->argv, s->env ? s->env : environ);
	child_fail(report, AT_EXEC);
}

/* fork, with clone3 only where a cgroup or namespaces are asked for. */
static pid_t child_make(const struct spawn *s, struct error *err)
{
	struct clone_args args = { .flags = s->namespaces, .exit_signal = SIGCHLD };
	_cleanup_close_ int cgroup = -1;
	pid_t pid;

	if (s->cgroup) {
		cgroup = open(s->cgroup, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (cgroup < 0) {
			error_set(err, errno, "cgroup %s", s->cgroup);
			return -1;
		}
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)cgroup;
	}
	pid = args.flags ? (pid_t)syscall(SYS_clone3, &args, sizeof(args)) : fork();
	if (pid < 0)
		error_set(err, errno, "start %s: fork", s->path);
	return pid;
}

/* The child has not run the program; whatever it still does ends with it. */
static void child_forget(pid_t pid)
{
	(void)child_reap(pid);
}

static int child_record(const struct spawn *s, pid_t pid, int gate, struct error *err)
{
	if (s->recorded(s->recorded_data, pid, err) < 0)
		return -1;
	return io_write(gate, "", 1) < 0 ? error_set(err, errno, "start %s", s->path) : 0;
}

/* What the child reports; 0 at the end of the pipe: it runs. */
static int child_report(const struct spawn *s, int report, struct error *err)
{
	struct failure f;
	ssize_t n = io_read(report, &f, sizeof(f));

	if (n == 0)
		return 0;
	if (n != sizeof(f) || f.at >= array_len(failure_names))
		return error_set(err, EIO, "start %s", s->path);
	if (f.at == AT_CWD)
		return error_set(err, f.code, "start %s in %s", s->path, s->cwd);
	return error_set(err, f.code, f.at == AT_EXEC ? "start %s" : "start %s: %s", s->path, failure_names[f.at]);
}

static void pipe_close(int pipefd[2])
{
	cleanup_close(&pipefd[0]);
	cleanup_close(&pipefd[1]);
	pipefd[0] = pipefd[1] = -1;
}

pid_t spawn(const struct spawn *s, struct error *err)
{
	int report[2] = { -1, -1 }, gate[2] = { -1, -1 };
	pid_t pid, parent = getpid();
	int r;

	if (pipe2(report, O_CLOEXEC) < 0)
		return error_set(err, errno, "start %s: pipe", s->path);
	if (s->recorded && pipe2(gate, O_CLOEXEC) < 0) {
		r = error_set(err, errno, "start %s: pipe", s->path);
		pipe_close(report);
		return r;
	}
	pid = child_make(s, err);
	if (pid == 0) {
		close(report[0]);
		child_run(s, parent, report[1], gate);
	}
	cleanup_close(&report[1]);
	report[1] = -1;
	cleanup_close(&gate[0]);
	gate[0] = -1;
	r = pid < 0 || (s->recorded && child_record(s, pid, gate[1], err) < 0) ? -1 : 0;
	pipe_close(gate);
	if (r == 0)
		r = child_report(s, report[0], err);
	pipe_close(report);
	if (r < 0 && pid > 0)
		child_forget(pid);
	return r < 0 ? -1 : pid;
}

/* Collects output until both ends of file and exit; the deadline covers both. */
static int spawn_collect(int pidfd, int output_fd, struct buf *output, size_t max, uint64_t deadline, struct error *err)
{
	struct pollfd p[2] = { { .fd = output_fd, .events = POLLIN }, { .fd = pidfd, .events = POLLIN } };
	char chunk[4096];

	for (;;) {
		uint64_t now = loop_now();
		int wait = -1;

		if (deadline) {
			if (now >= deadline)
				return error_set(err, ETIMEDOUT, "no end in time");
			wait = (int)((deadline - now) / 1000 + 1);
		}
		if (poll(p, 2, wait) < 0 && errno != EINTR)
			return error_set(err, errno, "poll");
		if (p[0].fd >= 0 && p[0].revents) {
			ssize_t n = read(p[0].fd, chunk, sizeof(chunk));

			if (n > 0 && output->len < max &&
			    buf_add(output, chunk, (size_t)n < max - output->len ? (size_t)n : max - output->len) < 0)
				return error_set(err, ENOMEM, "output");
			if (n == 0 || (n < 0 && errno != EINTR))
				p[0].fd = -1;
			/* A grandchild may hold the pipe for ever: the program's own end is what counts,
			 * after what is there has been read. */
			continue;
		}
		if (p[1].revents)
			return 0;
	}
}

int spawn_wait(const struct spawn *s, struct buf *output, size_t max, uint64_t timeout_us, struct error *err)
{
	struct spawn_fd fds[34];
	struct spawn copy = *s;
	_cleanup_close_ int out = -1, pidfd = -1;
	int pipefd[2] = { -1, -1 }, status = 0, r;
	pid_t pid;

	if (s->fd_count > 32)
		return error_set(err, E2BIG, "start %s", s->path);
	if (output) {
		if (pipe2(pipefd, O_CLOEXEC) < 0)
			return error_set(err, errno, "start %s: pipe", s->path);
		out = pipefd[0];
		if (s->fd_count)
			memcpy(fds, s->fds, s->fd_count * sizeof(*fds));
		fds[s->fd_count] = (struct spawn_fd){ pipefd[1], 1 };
		fds[s->fd_count + 1] = (struct spawn_fd){ pipefd[1], 2 };
		copy.fds = fds;
		copy.fd_count = s->fd_count + (s->stdout_only ? 1 : 2);
	}
	pid = spawn(&copy, err);
	if (pipefd[1] >= 0)
		close(pipefd[1]);
	if (pid < 0)
		return -1;
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	r = pidfd < 0 ? error_set(err, errno, "pidfd_open")
		      : spawn_collect(pidfd, out, output, max, timeout_us ? loop_now() + timeout_us : 0, err);
	if (r < 0)
		kill(pid, SIGKILL);
	status = child_reap(pid);
	return r < 0 ? error_wrap(err, "%s", s->path) : status;
}

const char *spawn_status_text(int status)
{
	static char text[64];
	const char *name;

	if (WIFSIGNALED(status)) {
		name = strsignal(WTERMSIG(status));
		snprintf(text, sizeof(text), "killed by signal %d (%s)", WTERMSIG(status), name ? name : "unknown");
	} else {
		snprintf(text, sizeof(text), "exit status %d", WEXITSTATUS(status));
	}
	return text;
}

int spawn_status_code(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
