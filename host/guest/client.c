#include "client.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io.h"
#include "log.h"
#include "loop.h"
#include "place.h"
#include "str.h"
#include "terminal.h"

enum {
	RETRY_FIRST_US = 50000, /* pauses between attempts to reach a machine that boots; each is longer, up to */
	RETRY_MOST_US = 1000000,
	RETRY_TOLD_US = 3000000, /* after so long the user is told what is waited for */
	CHUNK = 32 << 10,
	SINK_HIGH = 256 << 10, /* output that waits to be written */
	OUT_HIGH = 64 << 10,   /* frames that wait to be sent */
};

/* One of our own outputs. Others may share it, so it stays blocking: a pipe or terminal that is ready takes PIPE_MIN
 * bytes at once. */
enum { PIPE_MIN = 4096 };
struct sink {
	struct loop_io io;
	struct buf buf;
	bool plain; /* a file: always ready */
};

struct client {
	struct loop *loop;
	const char *dir;
	const struct client_command *command;
	struct loop_io socket, input;
	bool input_open, input_plain;
	struct sink sinks[2];
	struct buf in, out;
	size_t outstanding; /* bytes of input that the agent holds */
	struct terminal terminal;
	bool heard, started;
	struct loop_timer retry;
	uint64_t pause, waited, patience; /* microseconds: of the next attempt; so far; at most */
	bool ended;                       /* nothing more comes; what has come is still written */
	unsigned interrupts;
	int status;
	struct error *error;
	bool failed;
};

static void client_end(struct client *c, int status)
{
	c->status = status;
	loop_quit(c->loop, 0);
}

static void client_fail(struct client *c)
{
	c->failed = true;
	loop_quit(c->loop, 0);
}

static void socket_want(struct client *c)
{
	bool read = c->sinks[0].buf.len < SINK_HIGH && c->sinks[1].buf.len < SINK_HIGH;
	uint32_t events = (read ? EPOLLIN : 0) | (c->out.len ? EPOLLOUT : 0);

	/* With a hang-up and nothing to read into there is nothing to be told; after the end neither. */
	if (!events || c->ended) {
		loop_io_remove(&c->socket);
		return;
	}
	if (!loop_io_active(&c->socket))
		c->socket.events = events;
	if ((loop_io_active(&c->socket) ? loop_io_want(&c->socket, events, c->error)
					: loop_io_add(c->loop, &c->socket, c->error)) < 0)
		client_fail(c);
}

/* --- output ------------------------------------------------------------------------------------------------------- */

static void ended_check(struct client *c)
{
	if (c->ended && !c->sinks[0].buf.len && !c->sinks[1].buf.len)
		loop_quit(c->loop, 0);
}

static void sink_pump(struct client *c, struct sink *s)
{
	while (s->buf.len > 0) {
		struct pollfd p = { .fd = s->io.fd, .events = POLLOUT };
		size_t n = s->plain || s->buf.len < PIPE_MIN ? s->buf.len : PIPE_MIN;
		ssize_t r;

		if (!s->plain && poll(&p, 1, 0) == 0)
			break;
		r = write(s->io.fd, buf_bytes(&s->buf), n);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0 && errno == EAGAIN) /* somebody else made it non-blocking */
			break;
		if (r < 0 && errno == EPIPE) {
			client_end(c, 128 + SIGPIPE);
			return;
		}
		if (r < 0) {
			error_set(c->error, errno, "standard output");
			client_fail(c);
			return;
		}
		buf_consume(&s->buf, (size_t)r);
	}
	if (!s->buf.len && loop_io_active(&s->io))
		loop_io_remove(&s->io);
	else if (s->buf.len && !loop_io_active(&s->io) && loop_io_add(c->loop, &s->io, c->error) < 0)
		client_fail(c);
	ended_check(c);
}

static void sink_ready(struct loop_io *io, uint32_t events)
{
	struct client *c = io->data;

	(void)events;
	sink_pump(c, io == &c->sinks[0].io ? &c->sinks[0] : &c->sinks[1]);
	socket_want(c);
}

static void sink_open(struct client *c, int which)
{
	struct stat st;

	c->sinks[which] = (struct sink){
		.io = { .fd = which ? STDERR_FILENO : STDOUT_FILENO, .events = EPOLLOUT, .fn = sink_ready, .data = c },
		.plain = fstat(which ? STDERR_FILENO : STDOUT_FILENO, &st) < 0 || S_ISREG(st.st_mode) ||
			S_ISDIR(st.st_mode),
	};
}

/* --- input -------------------------------------------------------------------------------------------------------- */

static int input_read(struct client *c)
{
	uint8_t chunk[CHUNK];
	size_t room = AGENT_WINDOW - c->outstanding;
	ssize_t n = read(STDIN_FILENO, chunk, room < sizeof(chunk) ? room : sizeof(chunk));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n > 0) {
		c->outstanding += (size_t)n;
		return agent_frame_add(&c->out, AGENT_INPUT, chunk, (size_t)n);
	}
	/* An input that fails is one that ends. */
	c->input_open = false;
	return agent_frame_add(&c->out, AGENT_INPUT_END, NULL, 0);
}

/* Reads where there is room for it: a file at once, others when they are ready. */
static void input_pump(struct client *c, bool ready)
{
	int r = 0;

	while (r == 0 && c->input_open && c->started && (c->input_plain || ready) && c->outstanding < AGENT_WINDOW &&
	       c->out.len < OUT_HIGH) {
		r = input_read(c);
		ready = false;
	}
	if (!c->input_plain) {
		bool want = c->input_open && c->started && c->outstanding < AGENT_WINDOW && c->out.len < OUT_HIGH;

		if (!want)
			loop_io_remove(&c->input);
		else if (!loop_io_active(&c->input))
			r |= loop_io_add(c->loop, &c->input, c->error);
	}
	if (r < 0)
		client_fail(c);
}

static void out_send(struct client *c)
{
	while (c->out.len > 0) {
		ssize_t n = send(c->socket.fd, buf_bytes(&c->out), c->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break; /* a connection that has ended says so when it is read */
		buf_consume(&c->out, (size_t)n);
	}
	socket_want(c);
}

static void input_ready(struct loop_io *io, uint32_t events)
{
	struct client *c = io->data;

	(void)events;
	input_pump(c, true);
	out_send(c);
}

static void input_open(struct client *c)
{
	struct stat st;

	c->input = (struct loop_io){ .fd = STDIN_FILENO, .events = EPOLLIN, .fn = input_ready, .data = c };
	c->input_open = true;
	if (!c->command->input || fstat(STDIN_FILENO, &st) < 0 || (isatty(STDIN_FILENO) && !terminal_ours())) {
		c->input_open = false;
		return;
	}
	/* What the loop cannot watch is always ready: files, and devices like /dev/null. */
	if (loop_io_add(c->loop, &c->input, NULL) < 0)
		c->input_plain = true;
	loop_io_remove(&c->input);
}

/* --- what the agent says ------------------------------------------------------------------------------------------ */

/* Until the command is there, Ctrl-C is ours. */
static int terminal_take(struct client *c)
{
	const struct client_command *command = c->command;

	if (!command->request.terminal || !command->input || !terminal_ours())
		return 0;
	return terminal_change(&c->terminal, TERMINAL_RAW, c->error);
}

static int frame_take(struct client *c, const struct agent_frame *f)
{
	switch (f->type) {
	case AGENT_STARTED:
		c->started = true;
		return terminal_take(c);
	case AGENT_OUTPUT:
		if (c->command->silent)
			return 0;
		return buf_add(&c->sinks[0].buf, f->data, f->len);
	case AGENT_ERRORS:
		if (c->command->silent)
			return 0;
		return buf_add(&c->sinks[1].buf, f->data, f->len);
	case AGENT_TAKEN:
		c->outstanding -= f->number < c->outstanding ? f->number : c->outstanding;
		return 0;
	case AGENT_EXITED:
		c->status = (int)(f->number & 0xff);
		c->ended = true;
		return 0;
	case AGENT_FAILED:
		c->status = (int)(f->number & 0xff);
		error_set(c->error, 0, "%.*s", (int)f->len, (const char *)f->data);
		client_fail(c);
		return 0;
	default:
		return error_set(c->error, EPROTO, "the agent's answer");
	}
}

static int frames_take(struct client *c)
{
	struct agent_frame f;
	size_t used;
	int r;

	while (!c->failed && !c->ended &&
	       (r = agent_frame_parse(buf_bytes(&c->in), c->in.len, &f, &used, c->error)) != 0) {
		if (r < 0)
			return error_wrap(c->error, "the agent's answer");
		if (frame_take(c, &f) < 0)
			return c->error->msg ? -1 : error_set(c->error, ENOMEM, "output");
		buf_consume(&c->in, used);
	}
	return 0;
}

static int request_send(struct client *c)
{
	if (agent_request_add(&c->out, &c->command->request, c->error) < 0)
		return -1;
	if (!c->input_open && agent_frame_add(&c->out, AGENT_INPUT_END, NULL, 0) < 0)
		return error_set(c->error, ENOMEM, "request");
	out_send(c);
	return 0;
}

/* Nobody has listened in the guest, or not even a driver yet. */
static bool socket_retry(struct client *c)
{
	if (c->heard || c->waited >= c->patience)
		return false;
	loop_io_remove(&c->socket);
	cleanup_close(&c->socket.fd);
	c->socket.fd = -1;
	if (c->waited < RETRY_TOLD_US && c->waited + c->pause >= RETRY_TOLD_US)
		log_info("waiting for the machine to boot");
	c->waited += c->pause;
	if (loop_timer_after(c->loop, &c->retry, c->pause, NULL) < 0)
		return false;
	c->pause = c->pause * 2 < RETRY_MOST_US ? c->pause * 2 : RETRY_MOST_US;
	return true;
}

static void retry_due(struct loop_timer *timer)
{
	struct client *c = timer->data;

	buf_clear(&c->out);
	c->socket.fd = place_connect(c->dir, c->error);
	if (c->socket.fd < 0 || request_send(c) < 0)
		client_fail(c);
}

static void socket_ended(struct client *c)
{
	if (socket_retry(c))
		return;
	if (!c->heard)
		place_silent(c->dir, c->error);
	else
		error_set(c->error, 0, "the connection to the machine has ended: it went down, or its agent did");
	c->status = 1;
	c->failed = true;
	c->ended = true;
	ended_check(c);
	socket_want(c);
}

static void socket_ready(struct loop_io *io, uint32_t events)
{
	struct client *c = io->data;
	uint8_t *room;
	ssize_t n;

	if (!(events & ~(uint32_t)EPOLLOUT)) {
		out_send(c); /* makes the room that input waits for */
		input_pump(c, false);
		out_send(c);
		return;
	}
	room = buf_reserve(&c->in, CHUNK);
	n = room ? recv(io->fd, room, CHUNK, MSG_DONTWAIT) : -1;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		socket_ended(c);
		return;
	}
	c->heard = true;
	buf_commit(&c->in, (size_t)n);
	if (frames_take(c) < 0) {
		c->status = 1;
		client_fail(c);
		return;
	}
	input_pump(c, false);
	sink_pump(c, &c->sinks[0]);
	sink_pump(c, &c->sinks[1]);
	out_send(c);
}

/* --- signals ------------------------------------------------------------------------------------------------------ */

static void window_tell(struct client *c)
{
	uint16_t rows, columns;

	if (c->command->request.terminal && terminal_size(&rows, &columns))
		(void)!agent_frame_resize(&c->out, rows, columns); /* without memory: the old size */
	out_send(c);
}

/* The shell's user stops and continues us: the terminal is his in between. */
static void terminal_stopped(struct client *c)
{
	bool raw = c->terminal.changed;

	terminal_restore(&c->terminal);
	raise(SIGSTOP);
	if (raw && terminal_ours())
		terminal_change(&c->terminal, TERMINAL_RAW, NULL);
	window_tell(c);
}

/* The command gets the first one, and a say in what happens; we end with the second. */
static void on_signal(void *data, int signo)
{
	struct client *c = data;

	if (signo == SIGWINCH) {
		window_tell(c);
	} else if (signo == SIGTSTP) {
		terminal_stopped(c);
	} else if (signo == SIGHUP || !c->started || c->interrupts++ > 0) {
		client_end(c, 128 + signo);
	} else {
		(void)!agent_frame_number(&c->out, AGENT_SIGNAL, (uint32_t)signo); /* the second one works */
		out_send(c);
	}
}

static int signals_watch(struct client *c)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGWINCH, SIGTSTP };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < array_len(signals); i++) {
		struct sigaction old;

		/* One that was ignored on purpose (nohup) stays so. */
		if (sigaction(signals[i], NULL, &old) < 0 || old.sa_handler != SIG_IGN)
			sigaddset(&set, signals[i]);
	}
	signal(SIGPIPE, SIG_IGN);
	return loop_signals(c->loop, &set, on_signal, c, c->error);
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

static int client_begin(struct client *c)
{
	c->loop = loop_new(c->error);
	if (!c->loop || signals_watch(c) < 0)
		return -1;
	c->socket = (struct loop_io){ .fd = place_connect(c->dir, c->error), .fn = socket_ready, .data = c };
	if (c->socket.fd < 0)
		return -1;
	sink_open(c, 0);
	sink_open(c, 1);
	input_open(c);
	return request_send(c) < 0 || c->failed ? -1 : 0;
}

int client_run(const char *dir, const struct client_command *command, int *status, struct error *err)
{
	struct client c = { .dir = dir, .command = command, .socket.fd = -1, .status = 1, .error = err };
	int r;

	c.retry = (struct loop_timer){ .fn = retry_due, .data = &c };
	c.pause = RETRY_FIRST_US;
	c.patience = UINT64_C(1000000) * (command->patience ? command->patience : place_patience(dir));
	r = client_begin(&c);
	if (r == 0)
		r = loop_run(c.loop, err);
	terminal_restore(&c.terminal);
	if (c.socket.fd >= 0)
		close(c.socket.fd);
	loop_timer_disarm(&c.retry);
	loop_free(c.loop);
	buf_free(&c.in);
	buf_free(&c.out);
	buf_free(&c.sinks[0].buf);
	buf_free(&c.sinks[1].buf);
	*status = c.status;
	return r < 0 || c.failed ? -1 : c.status;
}
