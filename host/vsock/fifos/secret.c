#include "secret.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	PATIENCE_US = 4 * 1000000, /* the shim waits for five seconds */
	FRESH_US = 1000000,        /* so long the agent is not told again: a container can ask as often as it likes */
	REFUSAL_US = 200000,
};

static void delivery_stop(struct secret *s)
{
	loop_timer_disarm(&s->timer);
	loop_io_remove(&s->io);
	if (s->io.fd >= 0)
		close(s->io.fd);
	s->io.fd = -1;
	buf_clear(&s->in);
}

static void delivery_end(struct secret *s, const struct error *why)
{
	delivery_stop(s);
	if (!why)
		s->given_us = loop_now();
	s->done(s->data, why);
}

static void delivery_fail(struct secret *s, const char *why)
{
	_cleanup_error_ struct error e = { 0 };

	error_set(&e, 0, "%s", why);
	delivery_end(s, &e);
}

/* Nothing was under way: what is waited for is the delay alone. */
static void delivery_due(struct loop_timer *timer)
{
	struct secret *s = timer->data;

	if (s->io.fd >= 0)
		delivery_fail(s, "the machine's agent does not answer");
	else if (s->given_us > 0)
		s->done(s->data, NULL);
	else
		delivery_fail(s, "the machine has no agent");
}

static void delivery_ready(struct loop_io *io, uint32_t events)
{
	struct secret *s = io->data;
	uint8_t *room = buf_reserve(&s->in, AGENT_HEADER + 4096);
	ssize_t n = room ? recv(io->fd, room, AGENT_HEADER + 4096, MSG_DONTWAIT) : 0;
	struct agent_frame f;
	size_t used;
	int r;

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		buf_commit(&s->in, (size_t)n);
	r = n > 0 ? agent_frame_parse(buf_bytes(&s->in), s->in.len, &f, &used, NULL) : -1;
	if (r == 0 && s->in.len < AGENT_HEADER + 4096)
		return;
	if (r > 0 && f.type == AGENT_EXITED && f.number == 0)
		delivery_end(s, NULL);
	else
		delivery_fail(s, "the machine's agent does not take the host's secret");
}

/* A connection to the agent with the frame on its way. */
static int delivery_start(struct secret *s)
{
	_cleanup_buf_ struct buf frame = { 0 };
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return -1;
	s->io = (struct loop_io){ .fd = pair[0], .events = EPOLLIN, .fn = delivery_ready, .data = s };
	/* A new socket has room for it. */
	if (agent_frame_add(&frame, AGENT_SECRET, s->text, FIFO_SECRET) < 0 ||
	    send(pair[0], buf_bytes(&frame), frame.len, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)frame.len) {
		close(pair[1]);
		return -1;
	}
	return s->reach(s->data, pair[1]) < 0 ? -1 : loop_io_add(s->loop, &s->io, NULL);
}

void secret_give(struct secret *s)
{
	bool fresh = s->given_us > 0 && loop_now() - s->given_us < FRESH_US;

	if (loop_timer_armed(&s->timer))
		return;
	if (!fresh && delivery_start(s) < 0) {
		delivery_stop(s);
		s->given_us = 0;
	}
	/* Without memory for a timer those who ask wait until they give up. */
	(void)!loop_timer_after(s->loop, &s->timer, s->io.fd >= 0 ? PATIENCE_US : REFUSAL_US, NULL);
}

bool secret_is(const struct secret *s, const char *text)
{
	unsigned char differ = 0;

	if (strlen(text) != FIFO_SECRET)
		return false;
	for (size_t i = 0; i < FIFO_SECRET; i++)
		differ |= (unsigned char)(text[i] ^ s->text[i]);
	return differ == 0;
}

int secret_init(struct secret *s, struct error *err)
{
	uint8_t bytes[FIFO_SECRET / 2];

	s->io.fd = -1;
	s->timer = (struct loop_timer){ .fn = delivery_due, .data = s };
	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return error_set(err, errno, "random bytes");
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(s->text + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

void secret_clear(struct secret *s)
{
	if (s->loop)
		delivery_stop(s);
	buf_free(&s->in);
	explicit_bzero(s->text, sizeof(s->text));
}
