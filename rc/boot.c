/* rc.init: the steps of a boot in their order. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "cmdline.h"
#include "initctl.h"
#include "log.h"
#include "rc.h"
#include "report.h"
#include "str.h"

enum step_flags {
	MACHINE = 1, /* left out in a container, where whoever runs it has done it */
	NEEDED = 2,  /* without it rc.init fails, though the boot goes on */
};

static const struct step {
	const char *name;
	int (*run)(struct rc *rc, struct error *err);
	unsigned flags;
} steps[] = {
	{ "mounts", rc_mounts, MACHINE | NEEDED },
	{ "rcu", rc_rcu, MACHINE },
	{ "devices", rc_devices, MACHINE | NEEDED },
	{ "cgroups", rc_cgroups, MACHINE | NEEDED },
	{ "memory", rc_memory, MACHINE },
	{ "control", rc_control, MACHINE },
	{ "coldplug", rc_coldplug, MACHINE },
	{ "hotplug", rc_hotplug_start, MACHINE },
	{ "clock", rc_clock, MACHINE },
	{ "loopback", rc_loopback, MACHINE },
	{ "limits", rc_limits, 0 },
	{ "hostname", rc_hostname, 0 },
	{ "resolv.conf", rc_resolv_conf, 0 },
};

/* Gives PID 1's socket its name, so that programs can be handed over to it. */
int rc_control(struct rc *rc, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = INITCTL_SOCKET };
	mode_t old;
	int r;

	if (rc->control < 0)
		return 0;
	if (mkdir("/run/pith", 0755) < 0 && errno != EEXIST)
		return error_set(err, errno, "make directory /run/pith");
	old = umask(0177);
	r = bind(rc->control, (struct sockaddr *)&address, sizeof(address));
	umask(old);
	if (r < 0)
		return error_set(err, errno, "bind %s", INITCTL_SOCKET);
	return 0;
}

/* PID 1 says that it is ours by these variables, which are nobody else's business. */
static void handover_read(struct rc *rc, uint64_t *start, uint64_t *root)
{
	const char *s = getenv("PITH_START"), *r = getenv("PITH_ROOT");

	rc->control = -1;
	if (!s || !r || str_to_u64(s, UINT64_MAX, start) < 0 || str_to_u64(r, UINT64_MAX, root) < 0)
		return;
	unsetenv("PITH_START");
	unsetenv("PITH_ROOT");
	if (fcntl(INITCTL_FD, F_SETFD, FD_CLOEXEC) == 0)
		rc->control = INITCTL_FD;
}

static int step_run(struct rc *rc, const struct step *step, uint64_t times[2])
{
	_cleanup_error_ struct error err = { 0 };
	int r;

	times[0] = report_now();
	r = step->run(rc, &err);
	times[1] = report_now();
	if (r < 0)
		log_error("%s: %s", step->name, error_text(&err));
	return step->flags & NEEDED ? r : 0;
}

/* PID 1's steps and ours, in one write before others add theirs. */
static void report_begin(uint64_t start, uint64_t root, uint64_t times[][2], bool machine)
{
	_cleanup_error_ struct error err = { 0 };
	_cleanup_buf_ struct buf lines = { 0 };

	if (root) {
		report_add(&lines, "init", "kernel", 0, start, REPORT_NO_STATUS);
		report_add(&lines, "init", "root", start, root, REPORT_NO_STATUS);
	}
	for (size_t i = 0; i < array_len(steps); i++)
		if (machine || !(steps[i].flags & MACHINE))
			report_add(&lines, "rc", steps[i].name, times[i][0], times[i][1], REPORT_NO_STATUS);
	if (report_append(&lines, &err) < 0)
		log_warn("%s", error_text(&err));
}

/* --- in a container -------------------------------------------------------------------------------------- */

/* Orphans come to us, and we stay as long as there are any. As the container's PID 1, a signal that asks for the end
 * is ours to act on: nobody else would. */
static sigset_t signals_block(bool first)
{
	static const int wanted[] = { SIGCHLD, SIGTERM, SIGINT, SIGUSR1, SIGUSR2 };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < (first ? array_len(wanted) : 1); i++)
		sigaddset(&set, wanted[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return set;
}

static void container_wait(const sigset_t *set)
{
	for (;;) {
		pid_t pid;
		int signo;

		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			;
		if (pid < 0 && errno == ECHILD)
			return;
		signo = sigwaitinfo(set, NULL);
		if (signo < 0 || signo == SIGCHLD)
			continue;
		rc_stop_all();
		return;
	}
}

int rc_init(void)
{
	_cleanup_error_ struct error err = { 0 };
	struct rc rc = { 0 };
	bool machine = access("/proc/self", F_OK) < 0;
	uint64_t start = 0, root = 0, times[array_len(steps)][2];
	sigset_t signals;
	int failed = 0;

	handover_read(&rc, &start, &root);
	if (!machine)
		signals = signals_block(getpid() == 1);
	if (!machine && prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		log_warn("become a subreaper: %s", strerror(errno));
	for (size_t i = 0; i < array_len(steps); i++) {
		if ((steps[i].flags & MACHINE) && !machine)
			continue;
		failed |= step_run(&rc, &steps[i], times[i]);
		if (steps[i].run == rc_mounts)
			cmdline_read(&rc.cmdline, NULL); /* without it every switch is off */
	}
	report_begin(start, root, times, machine);
	rc_issue();
	rc_run_directory("rc", "/etc/init.d");
	if (report_publish(&err) < 0)
		log_warn("%s", error_text(&err));
	buf_free(&rc.cmdline);
	if (!machine)
		container_wait(&signals);
	return failed ? 1 : 0;
}
