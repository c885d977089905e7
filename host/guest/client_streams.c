#include "client_private.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loop.h"
#include "place.h"
#include "terminal.h"

/* Others may share an output, so it stays blocking: a pipe or terminal that is ready takes PIPE_MIN bytes at once. */
enum {
	PIPE_MIN = 4096,
	SINK_HIGH = 256 << 10, /* output that waits to be written */
	OUT_HIGH = 64 << 10,   /* frames that wait to be sent */
};

void client_end(struct client *c, int status)
{
	c->status = status;
	loop_quit(c->loop, 0);
}

void client_fail(struct client *c)
{
	c->failed = true;
	loop_quit(c->loop, 0);
}

void client_socket_want(struct client *c)
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

void client_ended_check(struct client *c)
{
	if (c->ended && !c->sinks[0].buf.len && !c->sinks[1].buf.len)
		loop_quit(c->loop, 0);
}

void client_sink_pump(struct client *c, struct sink *s)
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
	client_ended_check(c);
}

static void sink_ready(struct loop_io *io, uint32_t events)
{
	struct client *c = io->data;

	(void)events;
	client_sink_pump(c, io == &c->sinks[0].io ? &c->sinks[0] : &c->sinks[1]);
	client_socket_want(c);
}

void client_sink_open(struct client *c, int which)
{
	struct stat st;

	c->sinks[which] = (struct sink){
		.io = { .fd = which ? STDERR_FILENO : STDOUT_FILENO, .events = EPOLLOUT, .fn = sink_ready, .data = c },
		.plain = fstat(which ? STDERR_FILENO : STDOUT_FILENO, &st) < 0 || S_ISREG(st.st_mode) ||
			S_ISDIR(st.st_mode),
	};
}

static int input_read(struct client *c)
{
	uint8_t chunk[CLIENT_CHUNK];
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

void client_input_pump(struct client *c, bool ready)
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

void client_out_send(struct client *c)
{
	while (c->out.len > 0) {
		ssize_t n = send(c->socket.fd, buf_bytes(&c->out), c->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break; /* a connection that has ended says so when it is read */
		buf_consume(&c->out, (size_t)n);
	}
	client_socket_want(c);
}

static void input_ready(struct loop_io *io, uint32_t events)
{
	struct client *c = io->data;

	(void)events;
	client_input_pump(c, true);
	client_out_send(c);
}

void client_input_open(struct client *c)
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
