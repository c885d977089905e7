#include "hold.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "idmap.h"
#include "io.h"
#include "network.h"
#include "pod.h"
#include "process.h"
#include "str.h"

/* --- the process itself ------------------------------------------------------------------------------------------- */

/* For its own process, which says why it cannot be: what it says is an error's text. */
static _Noreturn void hold_give_up(int report, int code, const char *what)
{
	_cleanup_error_ struct error e = { 0 };

	error_set(&e, code, "%s", what);
	(void)io_write(report, error_text(&e), strlen(error_text(&e))); /* else it is one without a reason */
	_exit(1);
}

/* Everything that only a process in the namespaces can do. */
static void hold_settle(const struct hold *h, int report)
{
	_cleanup_error_ struct error e = { 0 };

	if (h->network->fd >= 0 && setns(h->network->fd, CLONE_NEWNET) < 0)
		hold_give_up(report, errno, "network namespace");
	if (h->pod->hostname && sethostname(h->pod->hostname, strlen(h->pod->hostname)) < 0)
		hold_give_up(report, errno, h->pod->hostname);
	if (h->pod->uids && (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0))
		hold_give_up(report, errno, "user 0 of the user namespace");
	for (char **file = h->pod->sysctls; file && *file; file += 2)
		if (file_poke(file[0], file[1], &e) < 0)
			hold_give_up(report, 0, error_text(&e));
}

static _Noreturn void hold_run(const struct hold *h, int report)
{
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL); /* KILL, STOP and libc's own refuse: fine */
	/* Orphans of a PID namespace that containers share come here, and are gone at once. */
	signal(SIGCHLD, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	hold_settle(h, report);
	prctl(PR_SET_NAME, "sandbox");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* Everything of the shim's: connections would seem open for as long as this lives. */
	if (syscall(SYS_close_range, 0, ~0u, 0) < 0)
		_exit(1);
	for (;;)
		pause();
}

/* The pod's user namespace: that which its network namespace belongs to, where it has one, else a new one. */
static int user_namespace(const struct hold *h, struct error *err)
{
	int fd;

	if (h->network->fd < 0)
		return idmap_namespace(h->pod->uids, h->pod->gids, err);
	fd = ioctl(h->network->fd, NS_GET_USERNS);
	return fd < 0 ? error_set(err, errno, "user namespace of %s", h->network->path) : fd;
}

static pid_t hold_start(const struct hold *h, uint64_t flags, int report)
{
	struct clone_args args = { .flags = flags, .exit_signal = flags & CLONE_PARENT ? 0 : SIGCHLD };
	pid_t pid;

	args.flags |= h->pod->host_ipc ? 0 : CLONE_NEWIPC;
	args.flags |= h->pod->host_uts ? 0 : CLONE_NEWUTS;
	args.flags |= h->pod->host_pid ? 0 : CLONE_NEWPID;
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		hold_run(h, report);
	return pid;
}

/* Namespaces belong to the user namespace of whoever makes them: a process of ours goes there and makes them, with a
 * child that is ours. */
static pid_t hold_start_in(const struct hold *h, int users, int report, struct error *err)
{
	_cleanup_close_ int in = -1, out = -1;
	pid_t helper, pid = -1;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set(err, errno, "pipe");
	in = ends[0];
	out = ends[1];
	helper = fork();
	if (helper == 0) {
		if (setns(users, CLONE_NEWUSER) < 0)
			hold_give_up(report, errno, "user namespace");
		pid = hold_start(h, CLONE_PARENT, report);
		if (pid < 0)
			hold_give_up(report, errno, "sandbox process");
		_exit(io_write(out, &pid, sizeof(pid)) < 0);
	}
	if (helper < 0)
		return error_set(err, errno, "sandbox process");
	close(out);
	out = -1;
	if (io_read(in, &pid, sizeof(pid)) != sizeof(pid))
		pid = error_set(err, 0, "sandbox process");
	(void)child_reap(helper);
	return pid;
}

/* What it says until it holds; -1: that is an error. */
static int hold_wait(int said, struct error *err)
{
	char text[256];
	ssize_t n = io_read(said, text, sizeof(text) - 1);

	if (n == 0)
		return 0;
	text[n > 0 ? n : 0] = '\0';
	return error_say(err, 0, "sandbox: %s", text);
}

pid_t hold_make(const struct hold *h, struct error *err)
{
	_cleanup_close_ int said = -1, report = -1, users = -1;
	int ends[2];
	pid_t pid;

	if (h->pod->uids && (users = user_namespace(h, err)) < 0)
		return -1;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set(err, errno, "pipe");
	said = ends[0];
	report = ends[1];
	pid = users >= 0 ? hold_start_in(h, users, report, err) : hold_start(h, 0, report);
	if (pid < 0 && users < 0)
		error_set(err, errno, "sandbox process");
	close(report);
	report = -1;
	if (hold_wait(said, err) == 0)
		return pid;
	if (pid > 0)
		(void)child_reap(pid);
	return -1;
}
