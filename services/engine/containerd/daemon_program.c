#include "daemon_program.h"

#include <errno.h>
#include <stdint.h>

#include "recorded.h"
#include "spawn.h"
#include "str.h"

extern char **environ;

static int program_recorded(void *data, pid_t pid, struct error *err)
{
	const struct daemon_program *p = data;

	return recorded_write(p->record, pid, err) < 0 ? error_wrap(err, "containerd's record") : 0;
}

pid_t daemon_program_spawn(const struct daemon_program *p, struct error *err)
{
	_cleanup_strv_ char **argv = NULL, **env = strv_copy(environ);
	_cleanup_close_ int out = -1, both = -1;
	struct spawn_fd fds[2];
	char **o;

	if (strv_add(&argv, p->path) < 0 || !env || strv_addf(&env, "NOTIFY_SOCKET=%s", p->notify) < 0)
		return error_set(err, ENOMEM, "%s", p->path);
	for (o = p->settings->arguments; o && *o; o++)
		if (strv_add(&argv, *o) < 0)
			return error_set(err, ENOMEM, "%s", p->path);
	if (p->address && (strv_add(&argv, "--address") < 0 || strv_add(&argv, p->address) < 0))
		return error_set(err, ENOMEM, "%s", p->path);
	if ((p->settings->out < 0 && (out = capture_writer(&p->capture->out, err)) < 0) ||
	    (p->settings->err < 0 && (both = capture_writer(&p->capture->err, err)) < 0))
		return -1;
	fds[0] = (struct spawn_fd){ out >= 0 ? out : p->settings->out, 1 };
	fds[1] = (struct spawn_fd){ both >= 0 ? both : p->settings->err, 2 };
	return spawn(&(struct spawn){ .path = p->path,
				      .argv = argv,
				      .env = env,
				      .fds = fds,
				      .fd_count = 2,
				      .recorded = program_recorded,
				      .recorded_data = (void *)(uintptr_t)p },
		     err);
}
