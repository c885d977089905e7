#include "client_private.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "loop.h"
#include "place.h"
#include "terminal.h"

enum {
	RETRY_FIRST_US = 50000, /* pauses between attempts to reach a machine that boots; each is longer, up to */
	RETRY_MOST_US = 1000000,
	RETRY_TOLD_US = 3000000, /* after so long the user is told what is waited for */
};

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
	client_out_send(c);
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
	client_ended_check(c);
	client_socket_want(c);
}

static void socket_ready(struct loop_io *io, uint32_t events)
{
	struct client *c = io->data;
	uint8_t *room;
	ssize_t n;

	if (!(events & ~(uint32_t)EPOLLOUT)) {
		client_out_send(c); /* makes the room that input waits for */
		client_input_pump(c, false);
		client_out_send(c);
		return;
	}
	room = buf_reserve(&c->in, CLIENT_CHUNK);
	n = room ? recv(io->fd, room, CLIENT_CHUNK, MSG_DONTWAIT) : -1;
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
	client_input_pump(c, false);
	client_sink_pump(c, &c->sinks[0]);
	client_sink_pump(c, &c->sinks[1]);
	client_out_send(c);
}

/* --- signals ------------------------------------------------------------------------------------------------------ */

static void window_tell(struct client *c)
{
	uint16_t rows, columns;

	if (c->command->request.terminal && terminal_size(&rows, &columns))
		(void)!agent_frame_resize(&c->out, rows, columns); /* without memory: the old size */
	client_out_send(c);
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
		client_out_send(c);
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
	client_sink_open(c, 0);
	client_sink_open(c, 1);
	client_input_open(c);
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
