#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "io.h"
#include "memlogd.h"
#include "str.h"

enum { DUMP_MAX = 65536, CHUNK = 16384 };

static int stream_open(struct output_stream *s, const char *dir, const char *name, bool live, struct error *err)
{
	int pipefd[2];

	s->live = live;
	if (memlogd_present() && (s->sink = memlogd_open(name, err)) < 0)
		return -1;
	if (s->sink < 0) {
		s->path = str_format("%s/%s.log", dir, name);
		if (!s->path)
			return error_set(err, ENOMEM, "log %s", name);
		s->sink = open(s->path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
		if (s->sink < 0)
			return error_set(err, errno, "log %s", s->path);
	}
	s->give = s->sink;
	if (!live && s->path)
		return 0;
	if (pipe2(pipefd, O_CLOEXEC) < 0)
		return error_set(err, errno, "log %s", name);
	s->io.fd = pipefd[0];
	s->give = pipefd[1];
	return io_nonblock(s->io.fd) < 0 ? error_set(err, errno, "log %s", name) : 0;
}

int output_open(struct output *o, const char *dir, const char *kind, const char *name, bool live, struct error *err)
{
	_cleanup_free_ char *out = str_format("%s.%s.out", kind, name);
	_cleanup_free_ char *both = str_format("%s.%s", kind, name);

	*o = (struct output){ .out = { .sink = -1, .give = -1, .io.fd = -1 },
			      .err = { .sink = -1, .give = -1, .io.fd = -1 } };
	if (!out || !both)
		return error_set(err, ENOMEM, "log %s", name);
	if (stream_open(&o->out, dir, out, live, err) < 0 || stream_open(&o->err, dir, both, live, err) < 0) {
		output_close(o);
		return -1;
	}
	return 0;
}

static void stream_close(struct output_stream *s)
{
	loop_io_remove(&s->io);
	cleanup_close(&s->io.fd);
	if (s->give != s->sink)
		cleanup_close(&s->give);
	cleanup_close(&s->sink);
	buf_free(&s->tail);
	free(s->path);
	*s = (struct output_stream){ .sink = -1, .give = -1, .io.fd = -1 };
}

void output_close(struct output *o)
{
	stream_close(&o->out);
	stream_close(&o->err);
}

/* One read, as read(2) returns it. */
static ssize_t stream_copy(struct output_stream *s)
{
	char chunk[CHUNK];
	ssize_t n = read(s->io.fd, chunk, sizeof(chunk));

	if (n == 0)
		loop_io_remove(&s->io);
	if (n <= 0)
		return n;
	/* A full log or a lost console must not stop the container. */
	(void)!io_write(s->sink, chunk, (size_t)n);
	if (s->live) {
		(void)!io_write(STDOUT_FILENO, chunk, (size_t)n);
	} else if (buf_add(&s->tail, chunk, (size_t)n) == 0 && s->tail.len > DUMP_MAX) {
		buf_consume(&s->tail, s->tail.len - DUMP_MAX);
	}
	return n;
}

/* What is in the pipe now, and no more: a process that was left behind may go on writing for ever. */
static void stream_drain(struct output_stream *s)
{
	int left = 0;

	if (s->io.fd < 0 || ioctl(s->io.fd, FIONREAD, &left) < 0)
		return;
	while (left > 0) {
		ssize_t n = stream_copy(s);

		if (n == 0 || (n < 0 && errno != EINTR))
			return;
		left -= n > 0 ? (int)n : 0;
	}
}

static void stream_ready(struct loop_io *io, uint32_t events)
{
	(void)events;
	stream_copy(io->data);
}

static int stream_watch(struct loop *loop, struct output_stream *s, struct error *err)
{
	s->io = (struct loop_io){ .fd = s->io.fd, .events = EPOLLIN, .fn = stream_ready, .data = s };
	/* Only the container's own copies may keep the pipe open. */
	close(s->give);
	s->give = -1;
	return loop_io_add(loop, &s->io, err);
}

struct waiting {
	struct loop *loop;
	int status;
};

static void child_done(struct loop_child *child, int status)
{
	struct waiting *w = child->data;

	w->status = status;
	loop_quit(w->loop, 0);
}

static int wait_with_pipes(struct output *o, struct waiting *w, pid_t pid, struct error *err)
{
	struct loop_child child = { .fn = child_done, .data = w };

	if (stream_watch(w->loop, &o->out, err) < 0 || stream_watch(w->loop, &o->err, err) < 0 ||
	    loop_child_add(w->loop, &child, pid, err) < 0 || loop_run(w->loop, err) < 0)
		return -1;
	stream_drain(&o->out);
	stream_drain(&o->err);
	return 0;
}

int output_wait(struct output *o, pid_t pid, int *status, struct error *err)
{
	struct waiting w = { 0 };
	int r;

	if (o->out.io.fd < 0) {
		while (waitpid(pid, status, 0) < 0)
			if (errno != EINTR)
				return error_set(err, errno, "wait for process %d", (int)pid);
		return 0;
	}
	w.loop = loop_new(err);
	if (!w.loop)
		return -1;
	r = wait_with_pipes(o, &w, pid, err);
	*status = w.status;
	loop_io_remove(&o->out.io);
	loop_io_remove(&o->err.io);
	loop_free(w.loop);
	return r;
}

static void file_dump(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	char chunk[CHUNK];
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size == 0)
		return;
	if (st.st_size > DUMP_MAX && lseek(fd, st.st_size - DUMP_MAX, SEEK_SET) < 0)
		return;
	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		if (io_write(STDOUT_FILENO, chunk, (size_t)n) < 0)
			return;
}

static void stream_dump(struct output_stream *s)
{
	if (s->live)
		return;
	if (s->path)
		file_dump(s->path);
	else if (s->tail.len > 0)
		(void)!io_write(STDOUT_FILENO, buf_bytes(&s->tail), s->tail.len); /* a lost console: nothing to do */
}

void output_dump(struct output *o)
{
	/* a container that came to nothing has not been waited for */
	stream_drain(&o->out);
	stream_drain(&o->err);
	stream_dump(&o->out);
	stream_dump(&o->err);
}
