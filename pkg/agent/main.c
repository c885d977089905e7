/* pith-agent: under the name of an init script it asks PID 1 to keep it running, if the machine has a vsock device. */
#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "initctl.h"
#include "io.h"
#include "keeper.h"
#include "log.h"
#include "program.h"
#include "server.h"
#include "session.h"
#include "spawn.h"
#include "str.h"

enum { GRACE_SECONDS = 2 };

struct given {
	const char *listen, *runtime, *services;
};

static const struct option options[] = {
	{ "listen", .argument = "vsock:PORT", .set = option_set_text, .field = offsetof(struct given, listen),
	  .help = "the port that the host connects to, vsock:2373" },
	{ "runtime", .argument = "PATH", .set = option_set_text, .field = offsetof(struct given, runtime),
	  .help = "the OCI runtime; without it the one that the machine has" },
	{ "services", .argument = "DIR", .set = option_set_text, .field = offsetof(struct given, services),
	  .help = "the bundles of the services, /containers/services" },
	{ "help", 'h', .help = "print this help" },
	{ 0 },
};

static const struct program program = {
	.name = "pith-agent",
	.text = "Runs commands in this machine and its containers for the host (pith exec).",
	.options = options,
};

static void on_signal(void *data, int signo)
{
	struct agent *a = data;

	if (signo == SIGCHLD)
		reaper_run(&a->reaper);
	else if (signo == SIGTERM || signo == SIGINT || signo == SIGQUIT)
		loop_quit(a->loop, 0);
}

/* On the sockets that PID 1 has for it, unless it is told where. */
static int listen_open(struct agent *a, const char *where, struct error *err)
{
	size_t given = where ? 0 : initctl_fds();
	int fd;

	if (given == 0)
		return server_open(a, where ? where : "vsock:2373", err);
	a->keeper = keeper_open(a->loop, INITCTL_FD, given, &fd, err);
	if (!a->keeper)
		return -1;
	return fd < 0 ? server_open(a, "vsock:2373", err) : server_adopt(a, fd, err);
}

static int agent_serve(struct agent *a, const char *where, struct error *err)
{
	sigset_t signals;

	loop_signals_fill(&signals);
	signal(SIGPIPE, SIG_IGN);
	list_init(&a->sessions);
	a->loop = loop_new(err);
	if (!a->loop || loop_signals(a->loop, &signals, on_signal, a, err) < 0)
		return -1;
	reaper_init(&a->reaper, a->loop);
	/* The runtime leaves us the processes that it starts. */
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		return error_set(err, errno, "become subreaper");
	if (dir_make(AGENT_RUN_DIR, 0700, err) < 0 || listen_open(a, where, err) < 0)
		return -1;
	return loop_run(a->loop, err);
}

static int agent_run(struct agent *a, const char *where)
{
	_cleanup_error_ struct error err = { 0 };
	int r = agent_serve(a, where, &err);

	if (a->loop) {
		session_drop_all(a);
		server_close(a);
		keeper_close(a->keeper);
		reaper_free(&a->reaper);
		loop_free(a->loop);
	}
	if (r < 0)
		log_error("%s", error_text(&err));
	return r < 0;
}

/* Whether a host can reach this machine at all. */
static bool vsock_there(void)
{
	_cleanup_close_ int fd = open("/dev/vsock", O_RDONLY | O_CLOEXEC);
	unsigned cid = VMADDR_CID_ANY;

	return fd >= 0 && ioctl(fd, IOCTL_VM_SOCKETS_GET_LOCAL_CID, &cid) == 0 && cid > VMADDR_CID_HOST &&
		cid != VMADDR_CID_ANY;
}

/* Where there is no PID 1 of ours to hold the sockets, the agent has them alone. */
static int run_alone(char **argv, const int *fds, size_t count, struct error *err)
{
	struct spawn_fd given[INITCTL_FDS];
	char text[16];

	for (size_t i = 0; i < count; i++)
		given[i] = (struct spawn_fd){ fds[i], INITCTL_FD + (int)i };
	snprintf(text, sizeof(text), "%zu", count);
	if (setenv("PITH_FDS", text, 1) < 0)
		return error_set(err, errno, "environment");
	return spawn(&(struct spawn){ .path = argv[0],
				      .argv = argv,
				      .fds = given,
				      .fd_count = count,
				      .inherit_stdio = true,
				      .new_session = true },
		     err) < 0
		? -1
		: 0;
}

/* Before any container: the ports that the host talks to are the machine's from here on. Under a PID 1 that is not ours
 * the agent runs by itself. */
static int keep_running(void)
{
	_cleanup_error_ struct error err = { 0 };
	int fds[INITCTL_FDS];
	size_t count;
	char self[512];
	char *argv[] = { self, NULL };
	ssize_t n;

	if (!vsock_there())
		return 0;
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n < 0) {
		log_error("/proc/self/exe: %s", strerror(errno));
		return 1;
	}
	self[n] = '\0';
	count = keeper_sockets(fds, "/containers");
	if (initctl_respawn_with("agent", GRACE_SECONDS, argv, fds, count, &err) == 0)
		return 0;
	error_clear(&err);
	if (run_alone(argv, fds, count, &err) == 0)
		return 0;
	log_error("%s", error_text(&err));
	return 1;
}

int main(int argc, char **argv)
{
	struct given given = { .services = "/containers/services" };
	const char *name = argc > 0 ? strrchr(argv[0], '/') : NULL;
	struct agent a = { 0 };
	int status;

	io_fill_standard();
	log_setup("agent", LOG_LEVEL_INFO, true);
	if (name && str_ends(name, "-agent") && strspn(name + 1, "0123456789") == 3)
		return keep_running();
	status = program_line(&program, argv, &given);
	if (status >= 0)
		return status;
	a.runtime = given.runtime;
	a.services = given.services;
	return agent_run(&a, given.listen);
}
