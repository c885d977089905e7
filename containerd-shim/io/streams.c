#include "streams.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "beneath.h"
#include "io.h"
#include "logger.h"
#include "str.h"

enum { IN, OUT, ERR };

void streams_paths_clear(struct streams_paths *p)
{
	free(p->in);
	free(p->out);
	free(p->err);
	*p = (struct streams_paths){ 0 };
}

int streams_paths_set(struct streams_paths *p, const char *in, const char *out, const char *err, bool terminal)
{
	*p = (struct streams_paths){ strdup(in ? in : ""), strdup(out ? out : ""), strdup(err ? err : ""), terminal };
	if (p->in && p->out && p->err)
		return 0;
	streams_paths_clear(p);
	return -1;
}

static void fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void streams_init(struct streams *s)
{
	*s = (struct streams){ .console = -1, .lingering = { -1, -1 } };
	for (int i = 0; i < 3; i++)
		s->child[i] = s->ends[i] = s->clients[i] = -1;
}

/* --- opening ------------------------------------------------------------------------------------------- */

static int reopen(int fd, int flags)
{
	char path[BENEATH_FD_PATH_MAX];

	return open(beneath_fd_path(path, fd), flags | O_CLOEXEC);
}

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

static bool pending(const struct streams *s)
{
	for (int i = 0; i < 3; i++)
		if (remote_active(&s->remotes[i]))
			return true;
	return s->logger && logger_pending(s->logger);
}

/* Something has come, or (why) never will: then what else is still to come does not matter any more. */
static void prepared(struct streams *s, const struct error *why)
{
	streams_ready_fn *ready = s->ready;

	if (!ready || (!why && pending(s)))
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
		prepared(s, &e);
		return;
	}
	s->clients[which] = fd;
	s->is_remote[which] = true;
	prepared(s, NULL);
}

/* -1 with nothing in err: the host is asked for it. What is opened is what was looked at, and nothing blocks. */
static int path_open(struct streams *s, int which, const char *path, struct error *err)
{
	_cleanup_close_ int there = open(path, O_PATH | O_CLOEXEC);
	struct remote *r = &s->remotes[which];
	int code = errno, fd;
	struct stat st;

	r->data = s;
	if (there < 0 && code == ENOENT && remote_start(r, s->owner->loop, path, which != IN, remote_came, NULL) == 0)
		return -1;
	if (there < 0)
		return error_set(err, code, "open %s", path);
	if (fstat(there, &st) < 0)
		return error_set(err, errno, "open %s", path);
	if (!S_ISFIFO(st.st_mode) && which == IN)
		return error_set(err, EINVAL, "%s: not a fifo", path);
	fd = reopen(there, S_ISFIFO(st.st_mode) ? O_RDWR | O_NONBLOCK : O_WRONLY | O_APPEND | O_NOCTTY | O_NONBLOCK);
	return fd < 0 ? error_set(err, errno, "open %s", path) : fd;
}

/* The client's side of one stream. */
static int client_open(struct streams *s, int which, const struct uri *uri, struct error *err)
{
	struct stat st;
	int fd;

	if (uri->scheme == URI_FILE && which == IN)
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
	return 0;
}

/* A pipe between the process and us. */
static int pipe_make(struct streams *s, int which, struct error *err)
{
	int fds[2], child = which == IN ? 0 : 1;

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

	if (*path == '\0' && !(which == ERR && out->scheme == URI_FILE && !s->paths.terminal))
		return 0;
	/* A file in standard output's place is for both. */
	if (which != OUT && !(which == ERR && out->scheme == URI_FILE)) {
		if (uri_parse(path, &own, err) < 0)
			return -1;
		uri = &own;
	}
	if (s->paths.terminal && which == ERR)
		return 0;
	if (uri->scheme == URI_BINARY || uri->scheme == URI_BINARY_V2)
		return error_set(err, EINVAL, "%s: a logging program belongs to standard output", path);
	if (client_open(s, which, uri, err) < 0)
		return -1;
	return s->paths.terminal ? 0 : pipe_make(s, which, err);
}

static void logger_is_ready(void *data, const struct error *err)
{
	prepared(data, err);
}

static void drained_check(struct streams *s)
{
	streams_drained_fn *fn = s->drained;

	if (!fn || s->outputs > 0 || (s->logger && !logger_exited(s->logger)))
		return;
	s->drained = NULL;
	fn(s->drained_data);
}

static void logger_has_exited(void *data)
{
	drained_check(data);
}

/* The program gets the pipes of both outputs. Error output is copied into it through one more pipe, since the runtime's
 * complaints come there first; a terminal's output has to be copied, too. */
static int logger_open(struct streams *s, const struct uri *uri, struct error *err)
{
	if (pipe_make(s, OUT, err) < 0 || pipe_make(s, ERR, err) < 0)
		return -1;
	s->logger = logger_start(s->owner->loop, s->owner->reaper, uri, s->owner->id, s->owner->namespace, s->ends[OUT],
				 s->ends[ERR], logger_is_ready, logger_has_exited, s, err);
	fd_close(&s->ends[OUT]);
	fd_close(&s->ends[ERR]);
	if (!s->logger)
		return -1;
	if (s->paths.terminal) {
		s->clients[OUT] = s->child[OUT];
		s->child[OUT] = -1;
		fd_close(&s->child[ERR]);
		return 0;
	}
	s->clients[ERR] = s->child[ERR];
	s->child[ERR] = -1;
	return pipe_make(s, ERR, err);
}

static int open_all(struct streams *s, struct error *err)
{
	_cleanup_uri_ struct uri out = { 0 };

	if (*s->paths.out && uri_parse(s->paths.out, &out, err) < 0)
		return -1;
	if (stream_open(s, IN, s->paths.in, &out, err) < 0)
		return -1;
	if (out.scheme == URI_BINARY || out.scheme == URI_BINARY_V2)
		return logger_open(s, &out, err);
	if (stream_open(s, OUT, s->paths.out, &out, err) < 0)
		return -1;
	return stream_open(s, ERR, s->paths.err, &out, err);
}

void streams_prepare(struct streams *s, const struct streams_owner *owner, const struct streams_paths *paths,
		     streams_ready_fn *ready)
{
	_cleanup_error_ struct error e = { 0 };

	s->owner = owner;
	s->paths = *paths;
	s->ready = ready;
	prepared(s, open_all(s, &e) < 0 ? &e : NULL);
}

/* --- copying --------------------------------------------------------------------------------------------- */

/* Output that is still in a fifo nobody reads yet would go with the last descriptor: whoever comes before the process
 * is deleted still gets it. With a reader there, closing is what tells it that this was all. */
static void client_leave(struct streams *s, int which, int fd)
{
	struct pollfd p = { .events = POLLOUT };
	int queued = 0;

	if (!s->is_file[which] && !s->is_remote[which] && ioctl(fd, FIONREAD, &queued) == 0 && queued > 0 &&
	    (p.fd = reopen(fd, O_WRONLY | O_NONBLOCK)) >= 0) {
		close(fd);
		if (poll(&p, 1, 0) > 0 && (p.revents & POLLERR))
			s->lingering[which == ERR] = p.fd;
		else
			close(p.fd);
		return;
	}
	close(fd);
}

static void output_done(struct copy *c)
{
	struct streams *s = c->data;
	int fd = copy_take_output(c);

	client_leave(s, c == &s->err ? ERR : OUT, fd);
	copy_stop(c);
	s->outputs--;
	drained_check(s);
}

static void input_done(struct copy *c)
{
	copy_stop(c);
}

static int input_finish(struct streams *s)
{
	int fd;

	/* The host then sends what is left in the fifo, and the end. */
	if (s->is_remote[IN] && shutdown(s->in.in.fd, SHUT_WR) == 0)
		return 0;
	fd = reopen(s->in.in.fd, O_RDONLY | O_NONBLOCK);

	/* Without a descriptor to spare: at least the process gets its end of input. */
	if (fd < 0 || copy_swap_input(&s->in, fd) < 0)
		copy_stop(&s->in);
	return 0;
}

static int copies_start(struct streams *s, int in_end, int out_end, int err_end, struct error *err)
{
	struct copy *const copies[] = { &s->in, &s->out, &s->err };
	int ends[] = { in_end, out_end, err_end };
	int r = 0;

	for (int i = 0; i < 3; i++) {
		int client = s->clients[i], end = ends[i];
		unsigned flags = (s->is_file[i] ? COPY_TO_FILE : 0) | (i != IN ? COPY_LOSSY : 0);

		if (end < 0 || client < 0)
			continue;
		s->clients[i] = -1;
		if (s->console >= 0)
			flags |= i == IN ? COPY_TO_TERMINAL : COPY_FROM_TERMINAL;
		if (copy_start(copies[i], s->owner->loop, i == IN ? client : end, i == IN ? end : client, flags,
			       i == IN ? input_done : output_done, s, r == 0 ? err : NULL) < 0)
			r = -1;
		else if (i != IN)
			s->outputs++;
	}
	if (s->stdin_closed && s->in.active)
		input_finish(s);
	return r;
}

int streams_start(struct streams *s, struct error *err)
{
	for (int i = 0; i < 3; i++)
		fd_close(&s->child[i]);
	return copies_start(s, steal_fd(&s->ends[IN]), steal_fd(&s->ends[OUT]), steal_fd(&s->ends[ERR]), err);
}

int streams_start_console(struct streams *s, int master, struct error *err)
{
	int in = -1, out = -1, r = 0;

	s->console = master;
	/* One descriptor a direction: epoll knows each only once. */
	if (s->clients[IN] >= 0)
		in = fcntl(master, F_DUPFD_CLOEXEC, 3);
	if (s->clients[OUT] >= 0)
		out = fcntl(master, F_DUPFD_CLOEXEC, 3);
	if ((s->clients[IN] >= 0 && in < 0) || (s->clients[OUT] >= 0 && out < 0)) {
		r = error_set(err, errno, "terminal");
		fd_close(&in);
		fd_close(&out);
	} else {
		r = copies_start(s, in, out, -1, err);
	}
	if (r == 0 && s->rows && s->columns)
		r = streams_resize(s, s->rows, s->columns, err);
	return r;
}

/* --- what happens while it runs ------------------------------------------------------------------------------ */

void streams_close_stdin(struct streams *s)
{
	bool first = !s->stdin_closed;

	s->stdin_closed = true;
	if (first && s->in.active)
		input_finish(s);
}

int streams_resize(struct streams *s, unsigned rows, unsigned columns, struct error *err)
{
	struct winsize size = { .ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns };

	if (rows > 0xffff || columns > 0xffff)
		return error_set(err, EINVAL, "terminal size %u x %u", columns, rows);
	s->rows = size.ws_row;
	s->columns = size.ws_col;
	if (s->console >= 0 && ioctl(s->console, TIOCSWINSZ, &size) < 0)
		return error_set(err, errno, "terminal size %u x %u", columns, rows);
	return 0;
}

void streams_exited(struct streams *s)
{
	copy_stop(&s->in);
	copy_expect_end(&s->out);
	fd_close(&s->console);
}

void streams_on_drained(struct streams *s, streams_drained_fn *fn, void *data)
{
	s->drained = fn;
	s->drained_data = data;
	drained_check(s);
}

void streams_close(struct streams *s)
{
	s->drained = NULL;
	copy_stop(&s->in);
	copy_finish(&s->out);
	copy_stop(&s->out);
	copy_finish(&s->err);
	copy_stop(&s->err);
	s->outputs = 0;
	for (int i = 0; i < 3; i++) {
		remote_drop(&s->remotes[i]);
		fd_close(&s->child[i]);
		fd_close(&s->ends[i]);
		fd_close(&s->clients[i]);
	}
	fd_close(&s->lingering[0]);
	fd_close(&s->lingering[1]);
	fd_close(&s->console);
	logger_leave(s->logger);
	s->logger = NULL;
}
