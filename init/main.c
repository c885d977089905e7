/* /init: PID 1.
 *
 * Enters the root (root.h), runs /bin/rc.init, and from then on reaps, keeps programs alive (supervise.h), answers
 * requests on its socket (initctl.h) and waits for the signals that end the machine (shutdown.h). One poll(2) is the
 * only call that blocks. Nothing is allocated. PID 1 never exits: what fails is said on the console and lived with, and
 * a machine that cannot be set up is powered off (failure.h).
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
#include "failure.h"
#include "resume.h"
#include "root.h"
#include "say.h"
#include "shutdown.h"
#include "supervise.h"

#define RC_INIT "/bin/rc.init"

enum {
	RC_RETRY_MS = 100,
	RC_TRIES = 600, /* of a fork: a minute */
};

static struct {
	int control; /* outlives exec, as its number does */
	pid_t rc;    /* rc.init while it runs */
	bool rc_started;
	bool slot;    /* the root is one of two of a disk */
	bool refused; /* it had to be checked, and was not: nothing of what is there instead may run */
	unsigned tries;
	char start[32], root[32]; /* for rc.init's environment: when we began, when the root was there */
} self;

static int signals = -1;
static const char *const *root_reason; /* why the root is not what it should be */

static sigset_t all_signals(void)
{
	sigset_t set;

	sigfillset(&set);
	return set;
}

/* --- rc.init ------------------------------------------------------------------------------------------ */

static void rc_start(void)
{
	const char *const argv[] = { RC_INIT, NULL }, *const env[] = { self.start, self.root, NULL };

	if (self.refused) {
		self.rc_started = true;
		/* a PID 1 that took over from itself does not know the reason any more */
		failure_refuse(root_reason ? root_reason : (const char *const[]){ "the root was not checked", NULL },
			       self.slot);
		return;
	}
	if (access(RC_INIT, X_OK) < 0) {
		self.rc_started = true;
		failure_end(root_reason ? root_reason : (const char *const[]){ RC_INIT ": ", strerror(errno), NULL },
			    self.slot);
		return;
	}
	self.rc = program_start(argv, &self.control, self.control >= 0, env, false);
	self.rc_started = self.rc > 0;
	if (self.rc > 0)
		return;
	self.rc = 0;
	if (++self.tries < RC_TRIES) {
		if (self.tries == 1)
			say("cannot start rc.init: ", strerror(errno), "; trying again");
		return;
	}
	self.rc_started = true;
	failure_end((const char *const[]){ "cannot start rc.init: ", strerror(errno), NULL }, self.slot);
}

static void rc_ended(int status)
{
	char digits[NUMBER_SIZE];
	const char *reason[] = {
		"rc.init failed, ", WIFSIGNALED(status) ? "killed by signal " : "exit status ",
		number(digits, (uint64_t)(WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status))), NULL
	};

	self.rc = 0;
	if (status != 0 && !shutdown_begun())
		failure_end(reason, self.slot);
}

/* --- events --------------------------------------------------------------------------------------------- */

static void children_reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		shutdown_ended(pid, status);
		if (pid == self.rc)
			rc_ended(status);
		else
			supervise_ended(pid, status);
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

/* The descriptors that came with a message. */
static size_t fds_received(struct msghdr *m, int fds[INITCTL_FDS])
{
	size_t n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS || n + count > INITCTL_FDS)
			continue;
		memcpy(fds + n, CMSG_DATA(c), count * sizeof(int));
		n += count;
	}
	return n;
}

static void control_read(void)
{
	char message[INITCTL_MESSAGE], reply[INITCTL_REPLY];
	union {
		struct cmsghdr first;
		char bytes[CMSG_SPACE(INITCTL_FDS * sizeof(int))];
	} control;
	struct sockaddr_un from;
	struct iovec iov = { message, sizeof(message) };
	struct msghdr m = { .msg_name = &from,
			    .msg_namelen = sizeof(from),
			    .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control.bytes,
			    .msg_controllen = sizeof(control.bytes) };
	struct control_request request = { 0 };
	int fds[INITCTL_FDS];
	const char *wrong;
	ssize_t n = recvmsg(self.control, &m, MSG_DONTWAIT | MSG_TRUNC | MSG_CMSG_CLOEXEC);
	size_t answer, fd_count;

	if (n < 0)
		return;
	fd_count = fds_received(&m, fds);
	wrong = m.msg_flags & MSG_CTRUNC ? "too many descriptors" : control_parse(message, (size_t)n, &request);
	if (wrong) {
		strcpy(reply, "error: ");
		strcat(reply, wrong);
		strcat(reply, "\n");
		answer = strlen(reply);
		while (fd_count > 0)
			close(fds[--fd_count]);
	} else {
		answer = supervise_request(&request, fds, fd_count, reply, sizeof(reply));
	}
	/* A requester that went away, or left no address, does without. */
	sendto(self.control, reply, answer, MSG_DONTWAIT | MSG_NOSIGNAL, (void *)&from, m.msg_namelen);
}

static int deadline_sooner(int a, int b)
{
	if (a < 0 || b < 0)
		return a < 0 ? b : a;
	return a < b ? a : b;
}

static _Noreturn void events_loop(void)
{
	struct pollfd p[2] = { { .fd = signals, .events = POLLIN }, { .fd = self.control, .events = POLLIN } };

	for (;;) {
		int wait;

		children_reap();
		if (!self.rc_started && !shutdown_begun())
			rc_start();
		wait = deadline_sooner(supervise_due(), shutdown_due());
		if (!self.rc_started || signals < 0)
			wait = deadline_sooner(wait, RC_RETRY_MS);
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

static void machine_setup(bool machine)
{
	bool wanted = false;

	setsid();
	if (chdir("/") < 0)
		say("cannot enter /: ", strerror(errno));
	root_reason = root_enter(machine, &wanted, &self.slot);
	self.refused = root_reason && wanted;
	if (root_reason && !self.refused && access(RC_INIT, X_OK) == 0)
		say_parts(root_reason); /* and goes on with what is there */
	time_text(self.root, "PITH_ROOT=");
}

int main(int argc, char **argv)
{
	struct resume_part parts[] = { { &self, sizeof(self) }, { 0 }, { 0 } };
	sigset_t set = all_signals();
	bool resumed, machine;

	if (getpid() != 1)
		return 1; /* only a kernel, or a container's runtime, starts an init */
	sigprocmask(SIG_SETMASK, &set, NULL);
	/* From here on nothing exits. */
	parts[1].data = supervise_state(&parts[1].size);
	parts[2].data = shutdown_state(&parts[2].size);
	umask(022);
	/* Ctrl-alt-del becomes SIGINT. In a container that is refused, which tells it from a machine. */
	machine = reboot(RB_DISABLE_CAD) == 0;
	say_setup(machine);
	resumed = resume_take(argc, argv, parts, sizeof(parts) / sizeof(*parts));
	if (resumed)
		supervise_resumed();
	else
		time_text(self.start, "PITH_START=");
	resume_setup(argv[0], parts, sizeof(parts) / sizeof(*parts));
	sockets_open(&set);
	if (!resumed)
		machine_setup(machine);
	events_loop();
}
