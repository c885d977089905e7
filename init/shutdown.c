#include "shutdown.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

#include "say.h"
#include "supervise.h"

#define RC_SHUTDOWN "/bin/rc.shutdown"

enum {
	RC_LIMIT_US = 300 * 1000 * 1000, /* rc.shutdown: services' grace periods and onshutdown containers included */
	KILL_GRACE_US = 2 * 1000 * 1000,
	SYNC_LIMIT_US = 10 * 1000 * 1000,
};

static const struct {
	const char *name;
	int reboot;
} actions[] = {
	[SHUTDOWN_HALT] = { "halt", RB_HALT_SYSTEM },
	[SHUTDOWN_POWEROFF] = { "poweroff", RB_POWER_OFF },
	[SHUTDOWN_REBOOT] = { "reboot", RB_AUTOBOOT },
};

static struct {
	enum shutdown_action wanted;
	pid_t rc;
	uint64_t deadline;
	bool said_already;
	bool alone; /* without rc.shutdown */
} self;

enum shutdown_action shutdown_action_of(int signo)
{
	switch (signo) {
	case SIGUSR1:
		return SHUTDOWN_HALT;
	case SIGUSR2:
		return SHUTDOWN_POWEROFF;
	case SIGTERM:
	case SIGINT:
		return SHUTDOWN_REBOOT;
	}
	return SHUTDOWN_NONE;
}

/* Reaps until no child is left, `only` (when not 0) is gone, or the time is up. SIGCHLD is blocked all along, so it
 * cannot be missed between a look and the wait. */
static void reap_until(pid_t only, uint64_t until)
{
	sigset_t child;
	uint64_t now;
	pid_t pid;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	for (;;) {
		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			if (pid == only)
				return;
		if (pid < 0 && errno == ECHILD)
			return;
		now = boot_us();
		if (now >= until)
			return;
		sigtimedwait(&child, NULL,
			     &(struct timespec){ .tv_sec = (time_t)((until - now) / 1000000),
						 .tv_nsec = (long)((until - now) % 1000000) * 1000 });
	}
}

/* rc.shutdown failed or hangs: what it would have done and what can be done without it. */
static void kill_and_sync(void)
{
	pid_t pid;

	kill(-1, SIGTERM);
	kill(-1, SIGCONT);
	reap_until(0, boot_us() + KILL_GRACE_US);
	kill(-1, SIGKILL);
	reap_until(0, boot_us() + KILL_GRACE_US);
	pid = fork(); /* a disk that hangs must not keep the machine */
	if (pid == 0) {
		sync();
		_exit(0);
	}
	if (pid > 0)
		reap_until(pid, boot_us() + SYNC_LIMIT_US);
}

/* In a child, since the kernel ends the caller after a halt, which PID 1 must not survive as a panic. */
static _Noreturn void shutdown_finish(void)
{
	pid_t pid;

	say(actions[self.wanted].name);
	say_drain();
	pid = fork();
	if (pid <= 0) {
		reboot(actions[self.wanted].reboot);
		if (pid == 0)
			_exit(errno);
	}
	reap_until(pid > 0 ? pid : 0, UINT64_MAX);
	say("the kernel refuses to ", actions[self.wanted].name);
	for (;;)
		pause();
}

void shutdown_begin(enum shutdown_action action)
{
	if (self.wanted != SHUTDOWN_NONE) {
		/* Whoever presses the button keeps pressing it while a service takes its time. */
		if (!self.said_already)
			say(actions[action].name, " ignored: shutting down already");
		self.said_already = true;
		return;
	}
	self.wanted = action;
	supervise_freeze();
	say("shutting down: ", actions[action].name);
	if (self.alone) { /* it is of a root that may not run */
		kill_and_sync();
		shutdown_finish();
	}
	self.rc = program_start((const char *const[]){ RC_SHUTDOWN, actions[action].name, NULL }, NULL, 0, NULL, false);
	if (self.rc < 0) {
		say("cannot start /bin/rc.shutdown: ", strerror(errno));
		kill_and_sync();
		shutdown_finish();
	}
	self.deadline = boot_us() + RC_LIMIT_US;
}

void shutdown_alone(void)
{
	self.alone = true;
}

bool shutdown_begun(void)
{
	return self.wanted != SHUTDOWN_NONE;
}

void shutdown_ended(pid_t pid, int status)
{
	if (self.wanted == SHUTDOWN_NONE || pid != self.rc)
		return;
	if (status != 0) {
		say("rc.shutdown failed; killing what is left");
		kill_and_sync();
	}
	shutdown_finish();
}

int shutdown_due(void)
{
	uint64_t now = boot_us();

	if (self.wanted == SHUTDOWN_NONE)
		return -1;
	if (now < self.deadline)
		return (int)((self.deadline - now + 999) / 1000);
	say("rc.shutdown takes too long; killing what is left");
	kill_and_sync();
	shutdown_finish();
}

void *shutdown_state(size_t *size)
{
	*size = sizeof(self);
	return &self;
}
