/* One connection: a request, then the command's streams until its end.
 *
 *   WAITING --request--> STARTING --launch--> RUNNING --exit--> DRAINING --output sent--> ENDING --all sent--> closed
 *
 * FAILED goes to ENDING from everywhere. When the host goes away early, the streams are closed and the session stays,
 * without its connection, until its process can be reaped. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "agent.h"
#include "io.h"
#include "launch.h"
#include "server.h"
#include "spawn.h"
#include "str.h"

enum {
	PATIENCE_US = 10 * 1000000, /* for the request */
	OUTPUT_HIGH = 128 << 10,    /* bytes that wait to be sent */
	CHUNK = 32 << 10,
	TAKEN_STEP = 32 << 10,
};

enum state { WAITING, STARTING, RUNNING, DRAINING, ENDING };

struct session {
	struct agent *agent;
	struct list place;
	struct loop_io io; /* the connection; fd -1: the host has gone */
	struct loop_timer timer;
	enum state state;
	struct agent_request request;
	struct launch launch;
	struct exit_watch exit;
	pid_t pid;
	int status;
	struct buf in, out;
	struct buf input; /* for the process */
	struct loop_io to_process, from_process[2];
	size_t taken; /* not told yet */
	bool input_ended;
};

static void session_flush(struct session *s);
static void outputs_pump(struct session *s);
static int out_send(struct session *s);

/* --- the end ------------------------------------------------------------------------------------------------------ */

static void stream_close(struct loop_io *io)
{
	loop_io_remove(io);
	if (io->fd >= 0)
		close(io->fd);
	io->fd = -1;
}

static void session_free(struct session *s)
{
	exit_watch_remove(&s->exit);
	loop_timer_disarm(&s->timer);
	if (s->io.fd >= 0)
		s->agent->connected--;
	stream_close(&s->io);
	stream_close(&s->to_process);
	stream_close(&s->from_process[0]);
	stream_close(&s->from_process[1]);
	launch_clear(&s->launch);
	agent_request_clear(&s->request);
	list_remove(&s->place);
	buf_free(&s->in);
	buf_free(&s->out);
	buf_free(&s->input);
	free(s);
}

/* The host will have no more of it. A terminal's end is a HUP for those on it; others find their streams' ends. */
static void session_leave(struct session *s)
{
	if (s->io.fd >= 0)
		s->agent->connected--;
	stream_close(&s->io);
	loop_timer_disarm(&s->timer);
	stream_close(&s->to_process);
	stream_close(&s->from_process[0]);
	stream_close(&s->from_process[1]);
	if (exit_watch_active(&s->exit)) {
		if (s->request.hangup || s->request.terminal)
			kill(s->pid, SIGHUP); /* not reaped yet: it is still that process */
	} else if (s->state != STARTING) {
		session_free(s);
	}
}

void session_drop_all(struct agent *a)
{
	while (!list_empty(&a->sessions)) {
		struct session *s = list_entry(a->sessions.next, struct session, place);

		if (exit_watch_active(&s->exit) && s->io.fd >= 0 && (s->request.hangup || s->request.terminal))
			kill(s->pid, SIGHUP);
		session_free(s);
	}
}

/* Out of memory, or the last frame is made: nothing but sending is left. */
static void session_finish(struct session *s, int added)
{
	s->state = ENDING;
	if (added < 0)
		session_leave(s);
	else
		session_flush(s);
}

static void session_fail(struct session *s, int status, const char *why)
{
	session_finish(s, agent_frame_failed(&s->out, (uint32_t)status, why));
}

/* --- the process's streams ---------------------------------------------------------------------------------------- */

static void stream_watch(struct session *s, struct loop_io *io, bool on)
{
	if (on == loop_io_active(io))
		return;
	if (!on)
		loop_io_remove(io);
	else if (loop_io_add(s->agent->loop, io, NULL) < 0)
		stream_close(io);
}

/* What is there, as far as there is room for it; a hang-up of a stream that is not read would not let the loop sleep,
 * so that one is not watched. */
static int output_pump(struct session *s, int which)
{
	struct loop_io *io = &s->from_process[which];
	uint8_t chunk[CHUNK];

	while (io->fd >= 0 && s->out.len < OUTPUT_HIGH) {
		ssize_t n = read(io->fd, chunk, sizeof(chunk));

		if (n < 0 && errno == EINTR)
			continue;
		if (n > 0) {
			if (agent_frame_add(&s->out, which == 0 ? AGENT_OUTPUT : AGENT_ERRORS, chunk, (size_t)n) < 0)
				return -1;
		} else if (n < 0 && s->state == RUNNING && (errno == EAGAIN || (errno == EIO && s->request.terminal))) {
			break; /* EIO: nobody has the terminal open just now */
		} else {
			/* The end; or it has ended itself, and this was all. Who else has the stream open is not waited
			 * for. */
			stream_close(io);
		}
	}
	if (io->fd >= 0)
		stream_watch(s, io, s->out.len < OUTPUT_HIGH);
	return 0;
}

static void outputs_pump(struct session *s)
{
	if (s->state != RUNNING && s->state != DRAINING)
		return;
	do {
		if (output_pump(s, 0) < 0 || output_pump(s, 1) < 0) {
			session_leave(s);
			return;
		}
		if (s->state == DRAINING && s->from_process[0].fd < 0 && s->from_process[1].fd < 0) {
			session_finish(s, agent_frame_number(&s->out, AGENT_EXITED, (uint32_t)s->status));
			return;
		}
		if (out_send(s) < 0) {
			session_leave(s);
			return;
		}
		/* What is left in a stream that others still have open makes no event: it is read to the end now. */
	} while (s->state == DRAINING && s->out.len < OUTPUT_HIGH);
	session_flush(s);
}

static void output_ready(struct loop_io *io, uint32_t events)
{
	(void)events;
	outputs_pump(io->data);
}

static int taken_tell(struct session *s)
{
	size_t n = s->taken;

	if (n == 0 || (n < TAKEN_STEP && s->input.len > 0))
		return 0;
	s->taken = 0;
	return agent_frame_number(&s->out, AGENT_TAKEN, (uint32_t)n);
}

/* A process that reads no more: what comes for it is thrown away, so that the host can end. */
static void input_write(struct session *s)
{
	while (s->input.len > 0) {
		ssize_t n = (ssize_t)s->input.len;

		if (s->to_process.fd >= 0)
			n = write(s->to_process.fd, buf_bytes(&s->input), s->input.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			stream_close(&s->to_process);
			continue;
		}
		buf_consume(&s->input, (size_t)n);
		s->taken += (size_t)n;
	}
}

static void input_pump(struct session *s)
{
	input_write(s);
	if (s->to_process.fd >= 0 && s->input.len == 0 && s->input_ended && !s->request.terminal)
		stream_close(&s->to_process);
	if (s->to_process.fd >= 0)
		stream_watch(s, &s->to_process, s->input.len > 0);
	if (taken_tell(s) < 0)
		session_leave(s);
	else
		session_flush(s);
}

static void input_ready(struct loop_io *io, uint32_t events)
{
	struct session *s = io->data;

	/* A write to a terminal that is full wakes up who waits to write: the next would follow at once. */
	if (!s->request.terminal || (events & EPOLLOUT))
		input_pump(s);
}

/* --- the process -------------------------------------------------------------------------------------------------- */

static void exited(struct exit_watch *watch, int status)
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

static void launched(struct launch *l, const struct error *why, int status)
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
	s->exit = (struct exit_watch){ .fn = exited, .data = s };
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
		launch_start(&s->launch, s->agent, &s->request, launched);
	else if (s->state == RUNNING)
		input_pump(s);
	else if (s->state == DRAINING)
		outputs_pump(s);
	else
		session_flush(s);
}

/* As much as the connection takes. -1: it has gone. */
static int out_send(struct session *s)
{
	while (s->out.len > 0) {
		ssize_t n = send(s->io.fd, buf_bytes(&s->out), s->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -1;
		buf_consume(&s->out, (size_t)n);
	}
	return 0;
}

/* May end the session: the last call of its callers. What is left in the streams of a process that has ended makes no
 * event: the connection's room does. */
static void session_flush(struct session *s)
{
	if (out_send(s) < 0 || (s->out.len == 0 && s->state == ENDING) ||
	    loop_io_want(&s->io, EPOLLIN | EPOLLRDHUP | (s->out.len || s->state == DRAINING ? EPOLLOUT : 0), NULL) <
		    0) {
		session_leave(s);
		return;
	}
	for (int i = 0; i < 2 && s->state == RUNNING; i++)
		if (s->from_process[i].fd >= 0)
			stream_watch(s, &s->from_process[i], s->out.len < OUTPUT_HIGH);
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
