/* Running the mkfs tools, which read the tree as a tar stream from standard input. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "mkfs_private.h"
#include "process.h"
#include "progress.h"
#include "sink.h"
#include "spawn.h"
#include "str.h"
#include "toollog.h"

/* Our environment, with SOURCE_DATE_EPOCH as the tool shall have it: one of the caller's would change the image. */
static char **tool_environment(const struct tool *tool)
{
	char **env = NULL;

	for (char **e = environ; *e; e++)
		if (!str_starts(*e, "SOURCE_DATE_EPOCH=") && strv_add(&env, *e) < 0)
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

/* Starts a tool with its messages going into *log. */
pid_t tool_start(const struct tool *tool, int input, int *log, struct error *err)
{
	struct spawn_fd fds[4];
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
	pid = spawn(&s, &why);
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

static int tree_write_stream(const struct tree *t, enum tar_root root, int fd, const char *name, struct error *err)
{
	_cleanup_sink_ struct sink *out = sink_to_fd(fd, name, err);

	if (!out || tree_write_tar_root(t, root, out, err) < 0)
		return -1;
	return sink_finish(out, err);
}

/* Runs a tool with the tree as a tar archive on its standard input. */
int tool_run_with_tar(const struct tool *tool, const struct tree *t, enum tar_root root, struct error *err)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, before;
	_cleanup_error_ struct error written = { 0 };
	_cleanup_close_ int ours = -1, theirs = -1, log = -1;
	int pipe_fds[2], r;
	pid_t pid;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return error_set(err, errno, "%s", tool->argv[0]);
	theirs = pipe_fds[0];
	ours = pipe_fds[1];
	pid = tool_start(tool, theirs, &log, err);
	if (pid < 0)
		return -1;
	close(steal_fd(&theirs));
	sigaction(SIGPIPE, &ignore, &before); /* a tool that dies is told by its status */
	r = tree_write_stream(t, root, ours, tool->argv[0], &written);
	sigaction(SIGPIPE, &before, NULL);
	if (r < 0 && written.code != EPIPE)
		kill(pid, SIGKILL); /* it must not take what it has for the whole */
	close(steal_fd(&ours));
	if (r < 0 && written.code != EPIPE) {
		tool_finish(tool, pid, log, NULL);
		return error_move(err, &written);
	}
	if (tool_finish(tool, pid, log, err) < 0)
		return -1;
	return r < 0 ? error_move(err, &written) : 0;
}

static int64_t node_newest_time(const struct tree_node *node)
{
	int64_t time = node->inode->mtime;

	for (const struct tree_node *n = node->children; n; n = n->next) {
		int64_t below = node_newest_time(n);

		if (below > time)
			time = below;
	}
	return time;
}

int64_t tree_build_time(const struct tree *t)
{
	int64_t time = node_newest_time(t->root);

	return time < 0 ? 0 : time > UINT32_MAX ? UINT32_MAX : time;
}
