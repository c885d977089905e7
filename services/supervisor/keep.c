#include "keep.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "backoff.h"
#include "log.h"
#include "loop.h"
#include "spawn.h"

struct keeper {
	pid_t pid; /* the supervisor; 0 between two */
	uint64_t started, delay, next;
	bool ending;
	int status;
};

static void supervisor_start(struct keeper *k, char *const *argv)
{
	_cleanup_error_ struct error err = { 0 };

	k->started = loop_now();
	k->pid = spawn(&(struct spawn){ .path = argv[0], .argv = argv, .inherit_stdio = true }, &err);
	if (k->pid > 0)
		return;
	log_error("%s", error_text(&err));
	k->pid = 0;
	k->delay = backoff_restart.most;
	k->next = k->started + k->delay;
}

static void supervisor_ended(struct keeper *k, int status)
{
	uint64_t now = loop_now();

	k->pid = 0;
	k->status = spawn_status_code(status);
	k->ending |= status == 0;
	if (k->ending)
		return;
	k->delay = backoff_after(&backoff_restart, k->delay, now - k->started);
	k->next = now + k->delay;
	log_error("supervisor: %s; starting it again", spawn_status_text(status));
}

static void children_reap(struct keeper *k)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == k->pid)
			supervisor_ended(k, status);
	}
}

/* Until a signal, or until the supervisor is due. */
static void wait_for(struct keeper *k, const sigset_t *set)
{
	uint64_t now = loop_now(), us = k->next > now ? k->next - now : 0;
	struct timespec t = { .tv_sec = (time_t)(us / 1000000), .tv_nsec = (long)(us % 1000000) * 1000 };
	int signo = sigtimedwait(set, NULL, k->pid ? NULL : &t);

	if (signo != SIGTERM && signo != SIGINT)
		return;
	k->ending = true;
	if (k->pid)
		kill(k->pid, SIGTERM);
}

int keep_run(char *const *argv, struct error *err)
{
	struct keeper k = { 0 };
	sigset_t set;

	loop_signals_fill(&set);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		return error_set(err, errno, "keep the supervisor");
	while (k.pid || !k.ending) {
		if (!k.pid && loop_now() >= k.next)
			supervisor_start(&k, argv);
		wait_for(&k, &set);
		children_reap(&k);
	}
	return k.status;
}
