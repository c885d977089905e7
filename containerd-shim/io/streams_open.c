/* Opening: what the paths say, on both sides. Something may come later: a connection to the host in a fifo's place, a
 * logging program that becomes ready. prepare_step() is called after each of these, and calls the caller's `ready`
 * after the last. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "io.h"
#include "str.h"
#include "streams_private.h"

/* A log file's directory, made where it is not there. */
static int parent_open(const char *path, const char **name, struct error *err)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *dir = strndup(path, slash > path ? (size_t)(slash - path) : 1);
	int fd;

	if (!dir)
		return error_set(err, ENOMEM, "%s", path);
	*name = slash + 1;
	if (dir_make(dir, 0755, err) < 0)
		return -1;
	fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? error_set(err, errno, "%s", dir) : fd;
}

/* The folder may be one that a container writes into: a link leads nowhere, a second name is another file's, and a fifo
 * that nobody reads is opened like the clients' own. */
static int log_open(const char *path, struct error *err)
{
	const struct beneath_want file = { .owner = BENEATH_ANY_OWNER, .only_link = true };
	const struct beneath_want fifo = { .type = S_IFIFO, .owner = BENEATH_ANY_OWNER, .only_link = true };
	_cleanup_error_ struct error e = { 0 };
	const char *name = NULL;
	_cleanup_close_ int dir = parent_open(path, &name, err);
	int fd = -1;

	if (dir < 0)
		return -1;
	fd = beneath_open(dir, name, O_WRONLY | O_APPEND | O_CREAT, 0644, &file, &e);
	if (fd < 0 && e.code == ENXIO) {
		error_clear(&e);
		fd = beneath_open(dir, name, O_RDWR, 0, &fifo, &e);
	}
	if (fd >= 0)
		return fd;
	error_move(err, &e);
	return error_wrap(err, "log %s", path);
}

static bool prepare_pending(const struct streams *s)
{
	for (int i = 0; i < 3; i++)
		if (remote_active(&s->remotes[i]))
			return true;
	return s->logger && logger_pending(s->logger);
}

/* Something has come, or (why) never will: then what else is still to come does not matter any more. */
static void prepare_step(struct streams *s, const struct error *why)
{
	streams_ready_fn *ready = s->ready;

	if (!ready || (!why && prepare_pending(s)))
		return;
	for (int i = 0; i < 3; i++)
		remote_drop(&s->remotes[i]);
	s->ready = NULL;
	ready(s, why);
}

/* What is not on the host either is missing here, as if nobody had asked. */
static void remote_came(struct remote *r, int fd, const struct error *why)
{
	struct streams *s = r->data;
	int which = (int)(r - s->remotes);

	if (why) {
		const char *paths[] = { s->paths.in, s->paths.out, s->paths.err };
		_cleanup_error_ struct error e = { 0 };

		error_say(&e, ENOENT, "open %s: %s; on the host: %s", paths[which], strerror(ENOENT), error_text(why));
		prepare_step(s, &e);
		return;
	}
	s->clients[which] = fd;
	s->is_remote[which] = true;
	prepare_step(s, NULL);
}

/* -1 with nothing in err: the host is asked for it. What is opened is what was looked at, and nothing blocks. */
static int path_open(struct streams *s, int which, const char *path, struct error *err)
{
	_cleanup_close_ int there = open(path, O_PATH | O_CLOEXEC);
	struct remote *r = &s->remotes[which];
	int code = errno, fd;
	struct stat st;

	r->data = s;
	if (there < 0 && code == ENOENT &&
	    remote_start(r, s->owner->loop, path, which != STREAM_IN, remote_came, NULL) == 0)
		return -1;
	if (there < 0)
		return error_set(err, code, "open %s", path);
	if (fstat(there, &st) < 0)
		return error_set(err, errno, "open %s", path);
	if (!S_ISFIFO(st.st_mode) && which == STREAM_IN)
		return error_set(err, EINVAL, "%s: not a fifo", path);
	fd = fd_reopen(there, S_ISFIFO(st.st_mode) ? O_RDWR | O_NONBLOCK : O_WRONLY | O_APPEND | O_NOCTTY | O_NONBLOCK);
	return fd < 0 ? error_set(err, errno, "open %s", path) : fd;
}

/* The client's side of one stream. */
static int client_open(struct streams *s, int which, const struct uri *uri, struct error *err)
{
	struct stat st;
	int fd;

	if (uri->scheme == URI_FILE && which == STREAM_IN)
		return error_set(err, EINVAL, "%s: standard input from a file", uri->path);
	fd = uri->scheme == URI_FILE ? log_open(uri->path, err) : path_open(s, which, uri->path, err);
	if (fd < 0)
		return remote_active(&s->remotes[which]) ? 0 : -1;
	if (fstat(fd, &st) < 0) {
		error_set(err, errno, "open %s", uri->path);
		close(fd);
		return -1;
	}
	s->clients[which] = fd;
	s->is_file[which] = S_ISREG(st.st_mode);
	if (S_ISFIFO(st.st_mode) && which != STREAM_IN)
		s->read_at[which == STREAM_ERR] = fd_reopen(fd, O_PATH);
	return 0;
}

/* A pipe between the process and us. */
static int pipe_make(struct streams *s, int which, struct error *err)
{
	int fds[2], child = which == STREAM_IN ? 0 : 1;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_set(err, errno, "pipe");
	s->child[which] = fds[child];
	s->ends[which] = fds[!child];
	if ((s->owner->uid || s->owner->gid) && fchown(fds[0], s->owner->uid, s->owner->gid) < 0)
		return error_set(err, errno, "owner of a pipe");
	return 0;
}

static int stream_open(struct streams *s, int which, const char *path, const struct uri *out, struct error *err)
{
	_cleanup_uri_ struct uri own = { 0 };
	const struct uri *uri = out;

	if (*path == '\0' && !(which == STREAM_ERR && out->scheme == URI_FILE && !s->paths.terminal))
		return 0;
	/* A file in standard output's place is for both. */
	if (which != STREAM_OUT && !(which == STREAM_ERR && out->scheme == URI_FILE)) {
		if (uri_parse(path, &own, err) < 0)
			return -1;
		uri = &own;
	}
	if (s->paths.terminal && which == STREAM_ERR)
		return 0;
	if (uri->scheme == URI_BINARY || uri->scheme == URI_BINARY_V2)
		return error_set(err, EINVAL, "%s: a logging program belongs to standard output", path);
	if (client_open(s, which, uri, err) < 0)
		return -1;
	return s->paths.terminal ? 0 : pipe_make(s, which, err);
}

static void logger_is_ready(void *data, const struct error *err)
{
	prepare_step(data, err);
}

static void logger_has_exited(void *data)
{
	streams_drained_check(data);
}

/* The program gets the pipes of both outputs. Error output is copied into it through one more pipe, since the runtime's
 * complaints come there first; a terminal's output has to be copied, too. */
static int logger_open(struct streams *s, const struct uri *uri, struct error *err)
{
	if (pipe_make(s, STREAM_OUT, err) < 0 || pipe_make(s, STREAM_ERR, err) < 0)
		return -1;
	s->logger = logger_start(s->owner->loop, s->owner->reaper, uri, s->owner->id, s->owner->namespace,
				 s->ends[STREAM_OUT], s->ends[STREAM_ERR], logger_is_ready, logger_has_exited, s, err);
	fd_close(&s->ends[STREAM_OUT]);
	fd_close(&s->ends[STREAM_ERR]);
	if (!s->logger)
		return -1;
	s->read_at[0] = fd_reopen(s->child[STREAM_OUT], O_PATH);
	if (!s->paths.terminal)
		s->read_at[1] = fd_reopen(s->child[STREAM_ERR], O_PATH);
	if (s->paths.terminal) {
		s->clients[STREAM_OUT] = s->child[STREAM_OUT];
		s->child[STREAM_OUT] = -1;
		fd_close(&s->child[STREAM_ERR]);
		return 0;
	}
	s->clients[STREAM_ERR] = s->child[STREAM_ERR];
	s->child[STREAM_ERR] = -1;
	return pipe_make(s, STREAM_ERR, err);
}

static int clients_open(struct streams *s, struct error *err)
{
	_cleanup_uri_ struct uri out = { 0 };

	if (*s->paths.out && uri_parse(s->paths.out, &out, err) < 0)
		return -1;
	if (stream_open(s, STREAM_IN, s->paths.in, &out, err) < 0)
		return -1;
	if (out.scheme == URI_BINARY || out.scheme == URI_BINARY_V2)
		return logger_open(s, &out, err);
	if (stream_open(s, STREAM_OUT, s->paths.out, &out, err) < 0)
		return -1;
	return stream_open(s, STREAM_ERR, s->paths.err, &out, err);
}

void streams_prepare(struct streams *s, const struct streams_owner *owner, const struct streams_paths *paths,
		     streams_ready_fn *ready)
{
	_cleanup_error_ struct error e = { 0 };

	s->owner = owner;
	s->paths = *paths;
	s->ready = ready;
	prepare_step(s, clients_open(s, &e) < 0 ? &e : NULL);
}
