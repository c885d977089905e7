#include "runtime.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process.h"
#include "spawn.h"
#include "str.h"

const char *runtime_find(struct error *err)
{
	static const char *const places[] = { "/usr/bin/runc", "/usr/sbin/runc", "/usr/bin/crun" };
	size_t i;

	for (i = 0; i < array_len(places); i++)
		if (access(places[i], X_OK) == 0)
			return places[i];
	error_set(err, ENOENT, "no container runtime (%s, %s or %s)", places[0], places[1], places[2]);
	return NULL;
}

char **runtime_argv(const struct runtime *rt, const char *verb, ...)
{
	_cleanup_strv_ char **argv = NULL;
	const char *arg;
	bool good;
	va_list ap;

	good = strv_add(&argv, rt->path) == 0 && (!rt->debug || strv_add(&argv, "--debug") == 0) &&
		(!rt->root || (strv_add(&argv, "--root") == 0 && strv_add(&argv, rt->root) == 0)) &&
		(!rt->log ||
		 (strv_add(&argv, "--log") == 0 && strv_add(&argv, rt->log) == 0 &&
		  strv_add(&argv, "--log-format") == 0 && strv_add(&argv, "json") == 0)) &&
		(!rt->systemd_cgroup || strv_add(&argv, "--systemd-cgroup") == 0) && strv_add(&argv, verb) == 0;
	va_start(ap, verb);
	while (good && (arg = va_arg(ap, const char *)))
		good = strv_add(&argv, arg) == 0;
	va_end(ap);
	return good ? steal_ptr(&argv) : NULL;
}

pid_t runtime_spawn(const struct runtime *rt, char *const *argv, const struct runtime_stdio *io, struct error *err)
{
	const int from[] = { io->in, io->out, io->err };
	struct spawn_fd fds[3];
	struct spawn s = { .path = rt->path, .argv = argv, .fds = fds, .plain_oom_score = true };

	for (int i = 0; i < 3; i++)
		if (from[i] >= 0)
			fds[s.fd_count++] = (struct spawn_fd){ from[i], i };
	return spawn(&s, err);
}

/* The last line is the one that says what went wrong. */
static int call_failed(char *const *argv, const char *said, int status, struct error *err)
{
	const char *end = said + strlen(said), *start;

	while (end > said && (end[-1] == '\n' || end[-1] == ' '))
		end--;
	for (start = end; start > said && start[-1] != '\n'; start--)
		;
	if (start == end)
		return error_set(err, 0, "%s: %s", argv[0], spawn_status_text(status));
	return error_set(err, 0, "%s: %s: %.*s", argv[0], spawn_status_text(status), (int)(end - start), start);
}

int runtime_call(const struct runtime *rt, char *const *argv, const struct runtime_stdio *io, struct error *err)
{
	_cleanup_buf_ struct buf said = { 0 };
	struct spawn s = { .path = rt->path, .argv = argv, .plain_oom_score = true };
	int status = 0;
	pid_t pid;

	if (!argv)
		return error_set(err, ENOMEM, "%s", rt->path);
	if (!io) {
		status = spawn_wait(&s, &said, 65536, 0, err);
		if (status < 0)
			return -1;
	} else {
		pid = runtime_spawn(rt, argv, io, err);
		if (pid < 0)
			return -1;
		status = child_reap(pid);
		if (status < 0)
			return error_set(err, errno, "wait for %s", rt->path);
	}
	return status == 0 ? 0 : call_failed(argv, buf_text(&said), status, err);
}
