#include "portdir.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io.h"
#include "log.h"
#include "mountinfo.h"
#include "process.h"
#include "str.h"

enum { MOUNTINFO_MAX = 4 * 1024 * 1024 };

static const char help[] =
	"usage: vpnkit-port-dir [OPTION...]\n"
	"Mounts a directory in which folders are ports of the host, until it is ended by SIGTERM or SIGINT: its README "
	"says how.\n"
	"  -dir DIR          where (/port)\n"
	"  -control ADDRESS  where the host is asked: a vsock port (4098), CID/PORT, or a socket's path\n"
	"  -fd NUMBER        mounts nothing, and serves 9P2000 to whoever is on this descriptor\n";

struct mounter {
	struct loop *loop;
	struct vpnkit_address host;
	const char *dir, *control, *fd;
	char *mark;
	bool help, quit;
	struct loop_child server;
	pid_t pid;   /* its */
	bool served; /* it runs */
};

/* A host that does not answer is no reason to stop: each port is asked for anew. */
static void ports_sweep(const struct mounter *m)
{
	_cleanup_error_ struct error e = { 0 };
	struct control c = { .loop = loop_new(&e), .address = m->host };

	if (!c.loop || portdir_sweep(&c, m->mark, &e) < 0)
		log_warn("%s", error_text(&e));
	loop_free(c.loop);
}

/* --- the mount ---------------------------------------------------------------------------------------------------- */

static bool is_mounted(const char *dir, struct error *err)
{
	_cleanup_buf_ struct buf text = { 0 };
	_cleanup_strv_ char **lines = NULL;
	struct mountinfo m;

	if (file_read("/proc/self/mountinfo", MOUNTINFO_MAX, &text, err) < 0)
		return false;
	lines = strv_split(buf_text(&text), "\n");
	for (size_t i = 0; i < strv_len(lines); i++)
		if (mountinfo_parse(lines[i], &m) == 0 && str_eq(m.target, dir) && str_eq(m.type, "9p"))
			return true;
	return false;
}

/* Also what a server that was killed has left, which answers nobody. */
static int dir_unmount(const char *dir, struct error *err)
{
	while (is_mounted(dir, err))
		if (umount2(dir, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
			return error_set(err, errno, "unmount %s", dir);
	return 0;
}

/* The kernel asks the server on the socket, and waits for it here. */
static int dir_mount(const char *dir, int fd, struct error *err)
{
	_cleanup_free_ char *options =
		str_format("trans=fd,rfdno=%d,wfdno=%d,version=9p2000,cache=none,msize=16384", fd, fd);

	if (!options)
		return error_set(err, ENOMEM, "%s", dir);
	if (mount("port", dir, "9p", MS_NOSUID | MS_NODEV | MS_NOEXEC, options) == 0)
		return 0;
	if (errno == ENODEV)
		return error_say(err, ENODEV, "mount %s: this kernel has no 9p file system (CONFIG_9P_FS)", dir);
	return error_set(err, errno, "mount %s", dir);
}

/* --- two processes ------------------------------------------------------------------------------------------------ */

static void server_ended(struct loop_child *child, int status)
{
	struct mounter *m = child->data;

	(void)status;
	m->served = false;
	if (!m->quit)
		log_error("%s: nobody serves it any more", m->dir);
	loop_quit(m->loop, 1);
}

static void on_signal(void *data, int signo)
{
	struct mounter *m = data;

	if (signo != SIGTERM && signo != SIGINT && signo != SIGQUIT)
		return;
	m->quit = true;
	loop_quit(m->loop, 0);
}

static void server_run(const struct mounter *m, int fd)
{
	_cleanup_error_ struct error e = { 0 };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (portdir_serve(&m->host, m->mark, fd, false, &e) < 0)
		log_error("%s", error_text(&e));
	_exit(0);
}

/* The loop is made behind the fork: the server has one of its own. */
static int server_start(struct mounter *m, int *client, struct error *err)
{
	sigset_t signals;
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return error_set(err, errno, "a pair of sockets");
	pid = fork();
	if (pid == 0) {
		close(pair[0]);
		server_run(m, pair[1]);
	}
	close(pair[1]);
	*client = pair[0];
	if (pid < 0)
		return error_set(err, errno, "fork");
	m->loop = loop_new(err);
	m->server = (struct loop_child){ .fn = server_ended, .data = m };
	loop_signals_fill(&signals);
	sigdelset(&signals, SIGCHLD);
	if (!m->loop || loop_signals(m->loop, &signals, on_signal, m, err) < 0 ||
	    loop_child_add(m->loop, &m->server, pid, err) < 0) {
		kill(pid, SIGKILL);
		return -1;
	}
	m->pid = pid;
	m->served = true;
	return 0;
}

static int mounter_run(struct mounter *m, struct error *err)
{
	_cleanup_error_ struct error e = { 0 };
	_cleanup_close_ int client = -1;
	int r = -1;

	if (dir_unmount(m->dir, err) < 0 || dir_make(m->dir, 0755, err) < 0)
		return -1;
	ports_sweep(m);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_set(err, errno, "no new privileges");
	if (server_start(m, &client, err) == 0 && dir_mount(m->dir, client, err) == 0) {
		/* The mount has its own hold of the socket: the server hears of the end of that. */
		close(steal_fd(&client));
		log_info("%s: a folder that is made there is a port of the host", m->dir);
		r = loop_run(m->loop, err);
	}
	if (dir_unmount(m->dir, &e) < 0)
		log_warn("%s", error_text(&e));
	/* Before the ports are looked for: nobody opens one any more. */
	if (m->served) {
		loop_child_remove(&m->server);
		kill(m->pid, SIGKILL);
		(void)child_reap(m->pid);
	}
	ports_sweep(m);
	return r;
}

/* --- the program -------------------------------------------------------------------------------------------------- */

static int options_parse(struct mounter *m, int argc, char **argv, struct error *err)
{
	const struct flag flags[] = { { "dir", &m->dir, NULL },
				      { "control", &m->control, NULL },
				      { "fd", &m->fd, NULL },
				      { "help", NULL, &m->help },
				      { "h", NULL, &m->help } };
	size_t n;

	if (flags_parse(flags, array_len(flags), argc, argv, err) < 0)
		return -1;
	n = strlen(m->dir);
	if (m->dir[0] != '/' || n == 1 || m->dir[n - 1] == '/')
		return error_set(err, 0, "-dir %s: a path from the root is needed, without \"/\" at its end", m->dir);
	return 0;
}

static int client_serve(const struct mounter *m, struct error *err)
{
	uint64_t fd;

	if (str_to_u64(m->fd, INT32_MAX, &fd) < 0 || io_nonblock((int)fd) < 0)
		return error_set(err, 0, "-fd %s: no open descriptor", m->fd);
	return portdir_serve(&m->host, m->mark, (int)fd, true, err);
}

int portdir_main(int argc, char **argv)
{
	static struct mounter m = { .dir = "/port" };
	_cleanup_error_ struct error e = { 0 };
	_cleanup_free_ char *configured = NULL;
	int r;

	if (options_parse(&m, argc, argv, &e) < 0) {
		log_error("%s", error_text(&e));
		return 2;
	}
	if (m.help)
		return fputs(help, stdout) < 0 || fflush(stdout) != 0;
	if (!m.control)
		m.control = configured = config_control("/etc");
	if (!m.control)
		m.control = CONTROL_DEFAULT;
	m.mark = portdir_mark(m.dir);
	if (!m.mark || vpnkit_address_parse(m.control, &m.host, &e) < 0)
		r = -1;
	else
		r = m.fd ? client_serve(&m, &e) : mounter_run(&m, &e);
	free(m.mark);
	if (r < 0)
		log_error("%s", error_text(&e));
	return r < 0 ? 1 : r;
}
