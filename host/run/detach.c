#include "run_private.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io.h"
#include "log.h"
#include "state.h"
#include "wait.h"

static void mask_signals(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(how, &set, NULL);
}

void run_signals_block(void)
{
	mask_signals(SIG_BLOCK);
}

static void allow_signals(void)
{
	mask_signals(SIG_UNBLOCK);
}

/* Of a machine that runs already: whatever is wrong, it goes on. */
static int wait_guest(const struct run *r)
{
	_cleanup_error_ struct error err = { 0 };
	int status = r->options.wait == RUN_WAIT_READY ? wait_for_services(r->state.dir, &err)
		: r->options.wait == RUN_WAIT_AGENT    ? wait_for_agent(r->state.dir, &err)
						       : 0;

	if (status < 0)
		log_error("%s", error_text(&err));
	return status == 0 ? 0 : 1;
}

/* The process in front: 0 once the machine is there, 1 when the other ended without one, having said why. */
static int wait_ready(int fd, const struct run *r)
{
	_cleanup_free_ char *title = state_title(r->state.dir);
	char c;

	if (io_read(fd, &c, 1) != 1)
		return 1;
	log_info("the machine runs, with its state in %s: `pith stop %s` powers it down", r->state.dir,
		 title ? title : r->state.dir);
	return wait_guest(r);
}

int run_detach(struct run *r, struct error *err, bool *failed)
{
	int pipefd[2];
	pid_t pid, front = getpid();

	*failed = true;
	if (pipe2(pipefd, O_CLOEXEC) < 0)
		return error_set(err, errno, "pipe");
	pid = fork();
	if (pid < 0) {
		close(pipefd[0]);
		close(pipefd[1]);
		return error_set(err, errno, "fork");
	}
	*failed = false;
	if (pid > 0) {
		int status;

		close(pipefd[1]);
		allow_signals();
		status = wait_ready(pipefd[0], r);
		close(pipefd[0]);
		return status;
	}
	close(pipefd[0]);
	/* A pipe or lock among them would last as long as the machine. */
	for (int *fd = r->inherited; fd && *fd >= 0; fd++)
		close(*fd);
	setsid(); /* a new process leads no group: this cannot fail */
	r->ready = pipefd[1];
	/* As long as somebody waits in front, a signal to him is one to the machine. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != front)
		raise(SIGTERM); /* blocked until the machine listens */
	if (state_claim(&r->state, err) < 0)
		*failed = true;
	return -1;
}
