#include "session.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "clock.h"
#include "io.h"
#include "log.h"
#include "session_private.h"
#include "spawn.h"
#include "str.h"

enum {
	PATIENCE_US = 10 * 1000000, /* for the request */
	CHUNK = 32 << 10,
};

/* --- the process -------------------------------------------------------------------------------------------------- */

static void process_exited(struct exit_watch *watch, int status)
{
	struct session *s = watch->data;

	if (s->io.fd < 0) {
		session_free(s);
		return;
	}
	s->status = spawn_status_code(status);
	s->state = DRAINING;
	outputs_pump(s);
}

/* A terminal that nobody has open reports its hang-up for as long as that lasts: only changes are asked for. */
static struct loop_io stream_take(struct session *s, int which, uint32_t events, loop_io_fn *fn)
{
	if (s->request.terminal)
		events |= EPOLLET;
	return (struct loop_io){ .fd = steal_fd(&s->launch.ends[which]), .events = events, .fn = fn, .data = s };
}

static void process_launched(struct launch *l, const struct error *why, int status)
{
	struct session *s = l->data;
	_cleanup_error_ struct error e = { 0 };

	s->state = RUNNING;
	if (why) {
		s->state = ENDING;
		if (s->io.fd < 0)
			session_free(s);
		else
			session_fail(s, status, error_text(why));
		return;
	}
	s->pid = l->pid;
	s->exit = (struct exit_watch){ .fn = process_exited, .data = s };
	s->to_process = stream_take(s, 0, EPOLLOUT, input_ready);
	s->from_process[0] = stream_take(s, 1, EPOLLIN, output_ready);
	s->from_process[1] = stream_take(s, 2, EPOLLIN, output_ready);
	if (exit_watch_add(&s->agent->reaper, &s->exit, s->pid, &e) < 0) {
		s->state = ENDING;
		if (s->io.fd < 0)
			session_free(s);
		else
			session_fail(s, 1, error_text(&e));
		return;
	}
	if (s->io.fd < 0 || agent_frame_add(&s->out, AGENT_STARTED, NULL, 0) < 0) {
		session_leave(s);
		return;
	}
	input_pump(s);
}

/* --- frames of the host ------------------------------------------------------------------------------------------- */

/* -1: it breaks the rules. Whatever happens to the session happens after the frame was dealt with. */
static int frame_request(struct session *s, const struct agent_frame *f)
{
	_cleanup_error_ struct error e = { 0 };

	if (s->state != WAITING)
		return -1;
	loop_timer_disarm(&s->timer);
	if (agent_request_parse(f->data, f->len, &s->request, &e) < 0) {
		s->state = ENDING;
		return agent_frame_failed(&s->out, 1, error_text(&e));
	}
	s->state = STARTING;
	return 0;
}

/* The host proves nothing by it: it will want it back from the shim. */
static int frame_secret(struct session *s, const struct agent_frame *f)
{
	_cleanup_error_ struct error e = { 0 };

	if (s->state != WAITING || !fifo_secret_valid((const char *)f->data, f->len))
		return -1;
	loop_timer_disarm(&s->timer);
	s->state = ENDING;
	if (file_write(FIFO_SECRET_FILE, f->data, f->len, 0600, &e) < 0)
		return agent_frame_failed(&s->out, 1, error_text(&e));
	return agent_frame_number(&s->out, AGENT_EXITED, 0);
}

/* What cannot be done the host sees from the answer. */
static int frame_clock(struct session *s, const struct agent_frame *f)
{
	_cleanup_error_ struct error e = { 0 };
	uint64_t now;

	if (s->state != WAITING)
		return -1;
	if (f->ns != 0 && clock_move((int64_t)f->ns, &e) < 0)
		log_warn("%s", error_text(&e));
	now = clock_read();
	return agent_frame_ns(&s->out, AGENT_TIME, now);
}

static int frame_input(struct session *s, const struct agent_frame *f)
{
	if (s->input_ended || s->input.len + f->len > AGENT_WINDOW)
		return -1;
	return buf_add(&s->input, f->data, f->len);
}

static int frame_input_end(struct session *s)
{
	s->input_ended = true;
	/* A terminal has no end of its own: what its user would type. */
	return s->request.terminal ? buf_add(&s->input, (char[]){ 4 }, 1) : 0;
}

static void frame_resize(struct session *s, const struct agent_frame *f)
{
	struct winsize size = { .ws_row = f->rows, .ws_col = f->columns };

	s->request.rows = f->rows;
	s->request.columns = f->columns;
	/* Without a terminal, or at its end, there is nothing to be done. */
	if (s->request.terminal && s->to_process.fd >= 0)
		(void)!ioctl(s->to_process.fd, TIOCSWINSZ, &size);
}

static int frame_take(struct session *s, const struct agent_frame *f)
{
	if (f->type == AGENT_REQUEST)
		return frame_request(s, f);
	if (f->type == AGENT_SECRET)
		return frame_secret(s, f);
	if (f->type == AGENT_CLOCK)
		return frame_clock(s, f);
	if (s->state == WAITING)
		return -1;
	switch (f->type) {
	case AGENT_INPUT:
		return frame_input(s, f);
	case AGENT_INPUT_END:
		return s->input_ended ? -1 : frame_input_end(s);
	case AGENT_RESIZE:
		frame_resize(s, f);
		return 0;
	case AGENT_SIGNAL:
		if (f->number == 0 || f->number >= NSIG)
			return -1;
		if (s->state == RUNNING && exit_watch_active(&s->exit))
			kill(s->pid, (int)f->number); /* a zombie at worst */
		return 0;
	default:
		return -1;
	}
}

/* -1: the connection is of no more use. */
static int frames_take(struct session *s)
{
	struct agent_frame f;
	size_t used;
	int r;

	while ((r = agent_frame_parse(buf_bytes(&s->in), s->in.len, &f, &used, NULL)) > 0) {
		if (frame_take(s, &f) < 0)
			return -1;
		buf_consume(&s->in, used);
	}
	return r;
}

static int socket_read(struct session *s)
{
	uint8_t *room = buf_reserve(&s->in, CHUNK);
	ssize_t n = room ? recv(s->io.fd, room, CHUNK, MSG_DONTWAIT) : 0;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return -1;
	buf_commit(&s->in, (size_t)n);
	return frames_take(s);
}

static void socket_ready(struct loop_io *io, uint32_t events)
{
	struct session *s = io->data;
	enum state before = s->state;

	if ((events & ~(uint32_t)EPOLLOUT) && socket_read(s) < 0) {
		session_leave(s);
		return;
	}
	if (before == WAITING && s->state == STARTING)
		launch_start(&s->launch, s->agent, &s->request, process_launched);
	else if (s->state == RUNNING)
		input_pump(s);
	else if (s->state == DRAINING)
		outputs_pump(s);
	else
		session_flush(s);
}

/* --- sessions ----------------------------------------------------------------------------------------------------- */

void session_drop_all(struct agent *a)
{
	while (!list_empty(&a->sessions)) {
		struct session *s = list_entry(a->sessions.next, struct session, place);

		if (exit_watch_active(&s->exit) && s->io.fd >= 0 && (s->request.hangup || s->request.terminal))
			kill(s->pid, SIGHUP);
		session_free(s);
	}
}

static void request_late(struct loop_timer *timer)
{
	session_free(timer->data);
}

void session_new(struct agent *a, int fd)
{
	struct session *s = calloc(1, sizeof(*s));

	if (!s) {
		close(fd);
		return;
	}
	s->agent = a;
	s->io = (struct loop_io){ .fd = fd, .events = EPOLLIN | EPOLLRDHUP, .fn = socket_ready, .data = s };
	s->timer = (struct loop_timer){ .fn = request_late, .data = s };
	s->to_process.fd = s->from_process[0].fd = s->from_process[1].fd = -1;
	launch_init(&s->launch);
	s->launch.data = s;
	list_append(&a->sessions, &s->place);
	a->connected++;
	if (loop_io_add(a->loop, &s->io, NULL) < 0 || loop_timer_after(a->loop, &s->timer, PATIENCE_US, NULL) < 0)
		session_free(s);
}
