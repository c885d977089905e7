#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>

#include "io.h"
#include "log.h"
#include "memlogd.h"
#include "report.h"
#include "str.h"

enum { CHUNK = 16384 };

static int stream_open(struct output_stream *s, int dir, const char *name, bool live, struct error *err)
{
	_cleanup_free_ char *file = str_format("%s.log", name);
	int pipefd[2];

	s->live = live;
	if (!file)
		return error_set(err, ENOMEM, "log %s", name);
	/* Whatever the daemon does, there is always the file. */
	if ((!memlogd_present() || (s->memory = memlogd_open(name, NULL)) < 0) &&
	    runlog_open(&s->log, dir, file, err) < 0)
		return -1;
	if (pipe2(pipefd, O_CLOEXEC) < 0)
		return error_set(err, errno, "log %s", name);
	s->io.fd = pipefd[0];
	s->give = pipefd[1];
	return io_nonblock(s->io.fd) < 0 ? error_set(err, errno, "log %s", name) : 0;
}

/* Of files alone: the daemon keeps times by itself. Without the file there are no times, and the boot goes on. */
static void order_open_beside(struct output *o, int dir, const char *name)
{
	_cleanup_free_ char *file = str_format("%s.order", name);
	_cleanup_error_ struct error err = { 0 };

	if (!file || (o->out.log.fd < 0 && o->err.log.fd < 0))
		return;
	if (runorder_open(&o->order, dir, file, &err) < 0)
		log_debug("%s", error_text(&err));
}

int output_open(struct output *o, int dir, const char *kind, const char *name, bool live, struct error *err)
{
	static const struct output_stream none = { .give = -1, .io.fd = -1, .memory = -1, .log = RUNLOG_INIT };
	_cleanup_free_ char *out = str_format("%s.%s.out", kind, name);
	_cleanup_free_ char *both = str_format("%s.%s", kind, name);

	o->out = o->err = none;
	o->out.owner = o->err.owner = o;
	o->order = (struct runorder)RUNORDER_INIT;
	if (!out || !both)
		return error_set(err, ENOMEM, "log %s", name);
	if (stream_open(&o->out, dir, out, live, err) < 0 || stream_open(&o->err, dir, both, live, err) < 0) {
		output_close(o);
		return -1;
	}
	order_open_beside(o, dir, both);
	return 0;
}

static void stream_close(struct output_stream *s)
{
	loop_io_remove(&s->io);
	cleanup_close(&s->io.fd);
	cleanup_close(&s->give);
	cleanup_close(&s->memory);
	runlog_clear(&s->log);
	s->io.fd = s->give = s->memory = -1;
}

void output_close(struct output *o)
{
	stream_close(&o->out);
	stream_close(&o->err);
	runorder_clear(&o->order);
}

static void log_add(struct output_stream *s, const void *data, size_t n)
{
	struct runorder *order = &s->owner->order;
	uint64_t head = s->log.head, total = s->log.total;
	bool out = s == &s->owner->out;
	size_t kept = runlog_add(&s->log, data, n);

	if (s->log.fd < 0)
		return;
	if (kept > 0)
		runorder_add(order, &(struct runorder_piece){ .out = out, .head = true, .from = head, .n = kept });
	if (kept < n)
		runorder_add(order, &(struct runorder_piece){ .out = out, .from = total + kept, .n = n - kept });
}

/* One read, as read(2) returns it. */
static ssize_t stream_copy(struct output_stream *s)
{
	char chunk[CHUNK];
	ssize_t n = read(s->io.fd, chunk, sizeof(chunk));

	if (n == 0) {
		s->ended = true;
		loop_io_remove(&s->io);
	}
	if (n <= 0)
		return n;
	log_add(s, chunk, (size_t)n);
	/* A daemon that is gone or a lost console must not stop the container. */
	if (s->memory >= 0)
		(void)!io_write(s->memory, chunk, (size_t)n);
	if (s->live)
		(void)!io_write(STDOUT_FILENO, chunk, (size_t)n);
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
	cleanup_close(&s->give);
	s->give = -1;
	return loop_io_add(loop, &s->io, err);
}

/* --- waiting ---------------------------------------------------------------------------------------------------- */

struct waiting {
	struct loop *loop;
	struct loop_timer timer;
	output_slow_fn *slow;
	void *data;
	uint64_t begin, pause;
	int status;
};

static void child_done(struct loop_child *child, int status)
{
	struct waiting *w = child->data;

	w->status = status;
	loop_quit(w->loop, 0);
}

static void patience_begin(struct waiting *w)
{
	w->pause = report_pause(w->pause);
	/* Without memory for a timer nothing is said. */
	loop_timer_after(w->loop, &w->timer, w->pause, NULL);
}

static void patience_ends(struct loop_timer *timer)
{
	struct waiting *w = timer->data;

	w->slow(w->data, (unsigned)((loop_now() - w->begin) / 1000000));
	patience_begin(w);
}

static int wait_in_loop(struct output *o, struct waiting *w, pid_t pid, struct error *err)
{
	struct loop_child child = { .fn = child_done, .data = w };

	w->begin = loop_now();
	w->timer = (struct loop_timer){ .fn = patience_ends, .data = w };
	patience_begin(w);
	if (stream_watch(w->loop, &o->out, err) < 0 || stream_watch(w->loop, &o->err, err) < 0 ||
	    loop_child_add(w->loop, &child, pid, err) < 0 || loop_run(w->loop, err) < 0)
		return -1;
	stream_drain(&o->out);
	stream_drain(&o->err);
	return 0;
}

int output_wait(struct output *o, pid_t pid, output_slow_fn *slow, void *data, int *status, struct error *err)
{
	struct waiting w = { .slow = slow, .data = data };
	int r;

	w.loop = loop_new(err);
	if (!w.loop)
		return -1;
	r = wait_in_loop(o, &w, pid, err);
	*status = w.status;
	loop_timer_disarm(&w.timer);
	loop_io_remove(&o->out.io);
	loop_io_remove(&o->err.io);
	loop_free(w.loop);
	return r;
}

/* --- the end ----------------------------------------------------------------------------------------------------- */

/* Whether a process still has the other end. */
static bool stream_held(const struct output_stream *s)
{
	struct pollfd p = { .fd = s->io.fd };

	return s->io.fd >= 0 && !s->ended && poll(&p, 1, 0) == 0;
}

static void logs_end(struct output *o)
{
	runlog_end(&o->out.log);
	runlog_end(&o->err.log);
	runorder_end(&o->order, &o->out.log, &o->err.log);
}

/* The child that stays with those left behind, until both streams have ended. */
static _Noreturn void output_follow(struct output *o)
{
	struct pollfd p[2] = { { .events = POLLIN }, { .events = POLLIN } };
	struct output_stream *s[2] = { &o->out, &o->err };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	setsid();
	for (int fd = 0; null >= 0 && fd < 3; fd++)
		if (fd != STDOUT_FILENO || !o->out.live)
			dup2(null, fd);
	for (;;) {
		for (int i = 0; i < 2; i++)
			p[i].fd = s[i]->ended ? -1 : s[i]->io.fd;
		if (p[0].fd < 0 && p[1].fd < 0)
			break;
		if (poll(p, 2, -1) < 0)
			continue;
		for (int i = 0; i < 2; i++)
			if (p[i].fd >= 0 && p[i].revents)
				stream_copy(s[i]);
	}
	logs_end(o);
	_exit(0);
}

static void stream_dump(struct output_stream *s)
{
	/* a lost console: nothing to do */
	if (!s->live && s->log.tail.len > 0)
		(void)!io_write(STDOUT_FILENO, buf_bytes(&s->log.tail), s->log.tail.len);
}

void output_end(struct output *o)
{
	pid_t pid = -1;

	/* a container that came to nothing has not been waited for */
	cleanup_close(&o->out.give);
	cleanup_close(&o->err.give);
	o->out.give = o->err.give = -1;
	stream_drain(&o->out);
	stream_drain(&o->err);
	if (stream_held(&o->out) || stream_held(&o->err))
		pid = fork();
	if (pid == 0)
		output_follow(o);
	if (pid < 0)
		logs_end(o);
	stream_dump(&o->out);
	stream_dump(&o->err);
}
