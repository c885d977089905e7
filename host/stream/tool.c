#include "tool.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process.h"
#include "progress.h"
#include "spawn.h"
#include "str.h"
#include "toollog.h"

/* Those of the caller would change the image: time and zone, and the character set, in which xorriso reads names. */
static bool is_ours(const char *variable)
{
	static const char *const prefixes[] = { "SOURCE_DATE_EPOCH=", "TZ=", "LC_", "LANG=", "LANGUAGE=" };

	for (size_t i = 0; i < array_len(prefixes); i++)
		if (str_starts(variable, prefixes[i]))
			return true;
	return false;
}

static char **tool_environment(const struct tool *tool)
{
	char **env = NULL;

	for (char **e = environ; *e; e++)
		if (!is_ours(*e) && strv_add(&env, *e) < 0)
			goto fail;
	if (strv_add(&env, "TZ=UTC") < 0 || strv_add(&env, "LC_ALL=C.UTF-8") < 0)
		goto fail;
	if (tool->epoch && strv_addf(&env, "SOURCE_DATE_EPOCH=%lld", (long long)*tool->epoch) < 0)
		goto fail;
	return env ? env : calloc(1, sizeof(*env));
fail:
	strv_free(env);
	return NULL;
}

static int tool_say_missing(const struct tool *tool, struct error *err)
{
	if (err->code == ENOENT)
		return error_say(err, ENOENT, "%s is not installed (Debian package %s)", tool->argv[0], tool->package);
	return -1;
}

pid_t tool_start(const struct tool *tool, int input, int *log, struct error *err)
{
	struct spawn_fd fds[5];
	struct spawn s = { .path = tool->argv[0], .argv = tool->argv, .fds = fds, .death_signal = SIGKILL };
	_cleanup_strv_ char **env = tool_environment(tool);
	struct error why = { 0 };
	pid_t pid;

	if (!env)
		return error_set(err, ENOMEM, "%s", tool->argv[0]);
	s.env = env;
	*log = toollog_open(err);
	if (*log < 0)
		return -1;
	if (input >= 0)
		fds[s.fd_count++] = (struct spawn_fd){ input, 0 };
	fds[s.fd_count++] = (struct spawn_fd){ *log, 1 };
	fds[s.fd_count++] = (struct spawn_fd){ *log, 2 };
	if (tool->image >= 0)
		fds[s.fd_count++] = (struct spawn_fd){ tool->image, IMAGE_FD };
	if (tool->source)
		fds[s.fd_count++] = (struct spawn_fd){ *tool->source, SOURCE_FD };
	pid = spawn(&s, &why);
	if (pid < 0 && why.code == ENOENT && !strchr(tool->argv[0], '/')) { /* not in the PATH of everybody */
		_cleanup_free_ char *administrators = str_format("/usr/sbin/%s", tool->argv[0]);

		if (administrators && access(administrators, X_OK) == 0) {
			error_clear(&why);
			s.path = administrators;
			pid = spawn(&s, &why);
		}
	}
	if (pid < 0) {
		tool_say_missing(tool, &why);
		return error_move(err, &why);
	}
	return pid;
}

int tool_finish(const struct tool *tool, pid_t pid, int log, struct error *err)
{
	_cleanup_progress_ struct progress progress = { 0 };
	_cleanup_free_ char *line = NULL;
	int status, image = tool->image;

	if (image >= 0) { /* it may take longer than all that came before */
		progress_begin(&progress, 0, 0, "%s makes the image", tool->argv[0]);
		progress_wait(pid, 0, progress_file, &image);
	}
	status = child_reap(pid);
	if (status < 0)
		return error_set(err, errno, "%s", tool->argv[0]);
	if (status == 0)
		return 0;
	if (toollog_disk_full(log))
		return error_set(err, ENOSPC, "%s", tool->argv[0]);
	line = toollog_reason(log);
	return error_say(err, 0, "%s failed (%s)%s%s", tool->argv[0], spawn_status_text(status), line ? ": " : "",
			 line ? line : "");
}

int tool_run(const struct tool *tool, struct error *err)
{
	_cleanup_close_ int log = -1;
	pid_t pid = tool_start(tool, -1, &log, err);

	return pid < 0 ? -1 : tool_finish(tool, pid, log, err);
}

int tool_file(const char *path, const char *package, struct error *err)
{
	if (access(path, R_OK) == 0)
		return 0;
	if (errno != ENOENT && errno != ENOTDIR)
		return error_set(err, errno, "%s", path);
	return error_say(err, ENOENT, "%s is not there (Debian package %s)", path, package);
}
