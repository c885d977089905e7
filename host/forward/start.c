#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "allow.h"
#include "forward.h"
#include "io.h"
#include "process.h"
#include "spawn.h"
#include "str.h"

enum { LIFE_FD = 3, READY_FD = 4 };

static int command_make(const struct forward_options *o, char ***argv)
{
	if (strv_add(argv, "pith") < 0 || strv_add(argv, "forward") < 0 ||
	    strv_addf(argv, "--life-fd=%d", LIFE_FD) < 0 || strv_addf(argv, "--ready-fd=%d", READY_FD) < 0 ||
	    strv_addf(argv, "--state=%s", o->state) < 0)
		return -1;
	for (char *const *p = o->ports; p && *p; p++)
		if (strv_addf(argv, "--port=%s", *p) < 0)
			return -1;
	if (o->allow && strv_addf(argv, "--allow=%s", o->allow) < 0)
		return -1;
	return o->background ? strv_add(argv, "--background") : 0;
}

/* It says when its ports are open; when it fails it has said why on standard error. */
static int ready_wait(int fd, pid_t pid, struct error *err)
{
	char byte;

	if (io_read(fd, &byte, 1) == 1)
		return 0;
	kill(pid, SIGTERM);
	(void)child_reap(pid);
	return error_set(err, 0, "the ports were not opened");
}

int forward_start(const struct forward_options *o, struct forward_child *out, struct error *err)
{
	_cleanup_strv_ char **argv = NULL;
	_cleanup_close_ int life_read = -1, life_write = -1, ready_read = -1, ready_write = -1;
	int life[2], ready[2];

	*out = (struct forward_child){ .life = -1 };
	if (command_make(o, &argv) < 0)
		return error_set(err, ENOMEM, "ports");
	if (pipe2(life, O_CLOEXEC) < 0)
		return error_set(err, errno, "ports");
	life_read = life[0];
	life_write = life[1];
	if (pipe2(ready, O_CLOEXEC) < 0)
		return error_set(err, errno, "ports");
	ready_read = ready[0];
	ready_write = ready[1];

	struct spawn_fd fds[] = { { life_read, LIFE_FD }, { ready_write, READY_FD }, { 2, 2 } };
	struct spawn s = {
		.path = "/proc/self/exe",
		.argv = argv,
		.fds = fds,
		.fd_count = array_len(fds),
		.new_group = true, /* Ctrl-C at the terminal is for the machine */
	};

	out->pid = spawn(&s, err);
	if (out->pid < 0)
		return -1;
	close(steal_fd(&ready_write));
	if (ready_wait(ready_read, out->pid, err) < 0) {
		out->pid = 0;
		return -1;
	}
	out->life = steal_fd(&life_write);
	return 0;
}

int forward_allow_check(const char *text, struct error *err)
{
	struct allow allow;
	int r = allow_parse(text, &allow, err);

	allow_free(&allow);
	return r;
}
