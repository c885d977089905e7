#include "streams_private.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

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

void streams_init(struct streams *s)
{
	*s = (struct streams){ .console = -1, .lingering = { -1, -1 }, .read_at = { -1, -1 } };
	for (int i = 0; i < 3; i++)
		s->child[i] = s->ends[i] = s->clients[i] = -1;
}

/* --- copying --------------------------------------------------------------------------------------------- */

/* Output that is still in a fifo nobody reads yet would go with the last descriptor: whoever comes before the process
 * is deleted still gets it. With a reader there, closing is what tells it that this was all. */
static void client_leave(struct streams *s, int which, int fd)
{
	struct pollfd p = { .events = POLLOUT };
	int queued = 0;

	if (!s->is_file[which] && !s->is_remote[which] && ioctl(fd, FIONREAD, &queued) == 0 && queued > 0 &&
	    (p.fd = fd_reopen(fd, O_WRONLY | O_NONBLOCK)) >= 0) {
		close(fd);
		if (poll(&p, 1, 0) > 0 && (p.revents & POLLERR))
			s->lingering[which == STREAM_ERR] = p.fd;
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

	client_leave(s, c == &s->err ? STREAM_ERR : STREAM_OUT, fd);
	copy_stop(c);
	s->outputs--;
	streams_drained_check(s);
}

static void input_done(struct copy *c)
{
	copy_stop(c);
}

static int input_finish(struct streams *s)
{
	int fd;

	/* The host then sends what is left in the fifo, and the end. */
	if (s->is_remote[STREAM_IN] && shutdown(s->in.in.fd, SHUT_WR) == 0)
		return 0;
	fd = fd_reopen(s->in.in.fd, O_RDONLY | O_NONBLOCK);

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
		unsigned flags = (s->is_file[i] ? COPY_TO_FILE : 0) | (i != STREAM_IN ? COPY_LOSSY : 0);

		if (end < 0 || client < 0)
			continue;
		s->clients[i] = -1;
		if (s->console >= 0)
			flags |= i == STREAM_IN ? COPY_TO_TERMINAL : COPY_FROM_TERMINAL;
		if (copy_start(copies[i], s->owner->loop, i == STREAM_IN ? client : end, i == STREAM_IN ? end : client,
			       flags, i == STREAM_IN ? input_done : output_done, s, r == 0 ? err : NULL) < 0)
			r = -1;
		else if (i != STREAM_IN)
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
	return copies_start(s, steal_fd(&s->ends[STREAM_IN]), steal_fd(&s->ends[STREAM_OUT]),
			    steal_fd(&s->ends[STREAM_ERR]), err);
}

int streams_start_console(struct streams *s, int master, struct error *err)
{
	int in = -1, out = -1, r = 0;

	s->console = master;
	/* One descriptor a direction: epoll knows each only once. */
	if (s->clients[STREAM_IN] >= 0)
		in = fcntl(master, F_DUPFD_CLOEXEC, 3);
	if (s->clients[STREAM_OUT] >= 0)
		out = fcntl(master, F_DUPFD_CLOEXEC, 3);
	if ((s->clients[STREAM_IN] >= 0 && in < 0) || (s->clients[STREAM_OUT] >= 0 && out < 0)) {
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
	/* The loop may learn of the end before it learns of the output, since one signal tells of several ends. */
	copy_catch_up(&s->out);
	copy_catch_up(&s->err);
	copy_expect_end(&s->out);
	fd_close(&s->console);
}

/* By a reading end of its own, for a moment: one that stays would hide from a writer that nobody reads. */
static bool fifo_holds(int path)
{
	_cleanup_close_ int fd = path >= 0 ? fd_reopen(path, O_RDONLY | O_NONBLOCK) : -1;
	int n;

	return fd >= 0 && ioctl(fd, FIONREAD, &n) == 0 && n > 0;
}

bool streams_are_read(const struct streams *s)
{
	for (int i = 0; i < 2; i++)
		if (s->lingering[i] < 0 && fifo_holds(s->read_at[i]))
			return false;
	return true;
}

void streams_drained_check(struct streams *s)
{
	streams_drained_fn *fn = s->drained;

	if (!fn || s->outputs > 0 || (s->logger && !logger_exited(s->logger)))
		return;
	s->drained = NULL;
	fn(s->drained_data);
}

void streams_on_drained(struct streams *s, streams_drained_fn *fn, void *data)
{
	s->drained = fn;
	s->drained_data = data;
	streams_drained_check(s);
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
	for (int i = 0; i < 2; i++) {
		fd_close(&s->lingering[i]);
		fd_close(&s->read_at[i]);
	}
	fd_close(&s->console);
	logger_leave(s->logger);
	s->logger = NULL;
}
