/* Running the mkfs tools, which read the tree as a tar stream from standard input. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "mkfs_private.h"
#include "sink.h"

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
