/* /init: PID 1.
 *
 * Enters the root (root.h), runs /bin/rc.init, and from then on reaps, keeps programs alive (supervise.h), answers
 * requests on its socket (initctl.h) and waits for the signals that end the machine (shutdown.h). One poll(2) is the
 * only call that blocks. Nothing is allocated. Every failure is said on the console and lived with: PID 1 never exits.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control.h"
#include "orphan.h"
#include "resume.h"
#include "root.h"
#include "say.h"
#include "shutdown.h"
#include "supervise.h"

enum { RC_RETRY_MS = 100 };

static struct {
	int control; /* outlives exec, as its number does */
	pid_t rc;    /* rc.init while it runs */
	bool rc_started;
	char start[32], root[32]; /* for rc.init's environment: when we began, when the root was there */
} self;

static int signals = -1;

static sigset_t all_signals(void)
{
	sigset_t set;

	sigfillset(&set);
	return set;
}

/* --- rc.init ------------------------------------------------------------------------------------------ */

/* A shell for whoever debugs the image: only when asked for on the kernel command line, only when there is one. */
static bool debug_wanted(void)
{
	char line[4096];
	int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);
	const char *at;

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return false;
	line[n] = '\0';
	at = strstr(line, "pith.debug=1");
	return at && (at == line || at[-1] == ' ') && strchr(" \n", at[strlen("pith.debug=1")]);
}

static void debug_shell(void)
{
	struct control_request r = { .verb = CONTROL_RESPAWN, .name = "debug-shell", .argv = { "/bin/sh" } };
	char reply[64];

	if (!debug_wanted())
		return;
	if (access("/bin/sh", X_OK) < 0) {
		say("pith.debug=1, but the image has no /bin/sh");
		return;
	}
	say("pith.debug=1: a shell on the console");
	supervise_request(&r, reply, sizeof(reply));
}

static void rc_start(void)
{
	const char *const argv[] = { "/bin/rc.init", NULL }, *const env[] = { self.start, self.root, NULL };

	self.rc = program_start(argv, self.control, env, false);
	self.rc_started = self.rc > 0;
	if (self.rc < 0) {
		say("cannot start rc.init: ", strerror(errno), "; trying again");
		self.rc = 0;
	}
}

static void rc_ended(int status)
{
	char digits[NUMBER_SIZE];

	self.rc = 0;
	if (status == 0 || shutdown_begun())
		return;
	say("rc.init failed, ", WIFSIGNALED(status) ? "killed by signal " : "exit status ",
	    number(digits, (uint64_t)(WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status))),
	    ": this machine is not set up");
	debug_shell();
}

/* --- events --------------------------------------------------------------------------------------------- */

static void reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		shutdown_ended(pid, status);
		if (pid == self.rc)
			rc_ended(status);
		else if (!supervise_ended(pid, status))
			orphan_reaped(pid, status);
	}
}

static void signals_read(void)
{
	struct signalfd_siginfo info;

	while (read(signals, &info, sizeof(info)) == sizeof(info)) {
		enum shutdown_action action = shutdown_action_of((int)info.ssi_signo);

		if (action == SHUTDOWN_NONE)
			continue;
		if (self.rc > 0 && !shutdown_begun())
			kill(self.rc, SIGTERM); /* it must not start what rc.shutdown stops */
		shutdown_begin(action);
	}
}

static void control_read(void)
{
	char message[INITCTL_MESSAGE], reply[INITCTL_REPLY];
	struct sockaddr_un from;
	socklen_t from_size = sizeof(from);
	struct control_request request;
	const char *wrong;
	ssize_t n =
		recvfrom(self.control, message, sizeof(message), MSG_DONTWAIT | MSG_TRUNC, (void *)&from, &from_size);
	size_t answer;

	if (n < 0)
		return;
	wrong = control_parse(message, (size_t)n, &request);
	if (wrong) {
		strcpy(reply, "error: ");
		strcat(reply, wrong);
		strcat(reply, "\n");
		answer = strlen(reply);
	} else {
		answer = supervise_request(&request, reply, sizeof(reply));
	}
	/* A requester that went away, or left no address, does without. */
	sendto(self.control, reply, answer, MSG_DONTWAIT | MSG_NOSIGNAL, (void *)&from, from_size);
}

static int sooner(int a, int b)
{
	if (a < 0 || b < 0)
		return a < 0 ? b : a;
	return a < b ? a : b;
}

static _Noreturn void loop(void)
{
	struct pollfd p[2] = { { .fd = signals, .events = POLLIN }, { .fd = self.control, .events = POLLIN } };

	for (;;) {
		int wait;

		reap();
		if (!self.rc_started && !shutdown_begun())
			rc_start();
		wait = sooner(supervise_due(), shutdown_due());
		if (!self.rc_started || signals < 0)
			wait = sooner(wait, RC_RETRY_MS);
		p[0].revents = p[1].revents = 0;
		if (poll(p, 2, wait) <= 0)
			continue;
		if (p[0].revents)
			signals_read();
		if (p[1].revents)
			control_read();
	}
}

static void time_text(char *out, const char *name)
{
	char digits[NUMBER_SIZE];

	strcpy(out, name);
	strcat(out, number(digits, boot_us()));
}

static void sockets_open(const sigset_t *set)
{
	signals = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals < 0)
		say("signals will not be heard: ", strerror(errno));
	if (self.control <= 0) /* else it has its name already */
		self.control = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	if (self.control < 0)
		say("requests will not be heard: ", strerror(errno));
	resume_keep(self.control);
}

static void machine_setup(void)
{
	setsid();
	if (chdir("/") < 0)
		say("cannot enter /: ", strerror(errno));
	root_enter(); /* what failed is said; rc.init may still be there */
	time_text(self.root, "PITH_ROOT=");
}

int main(int argc, char **argv)
{
	struct resume_part parts[] = { { &self, sizeof(self) }, { 0 }, { 0 } };
	sigset_t set = all_signals();
	bool resumed;

	if (getpid() != 1)
		return 1; /* only a kernel, or a container's runtime, starts an init */
	sigprocmask(SIG_SETMASK, &set, NULL);
	/* From here on nothing exits. */
	parts[1].data = supervise_state(&parts[1].size);
	parts[2].data = shutdown_state(&parts[2].size);
	umask(022);
	/* Ctrl-alt-del becomes SIGINT. In a container that is refused, which tells it from a machine. */
	say_setup(reboot(RB_DISABLE_CAD) == 0);
	resumed = resume_take(argc, argv, parts, sizeof(parts) / sizeof(*parts));
	if (!resumed)
		time_text(self.start, "PITH_START=");
	resume_setup(argv[0], parts, sizeof(parts) / sizeof(*parts));
	sockets_open(&set);
	if (!resumed)
		machine_setup();
	loop();
}
