#include <errno.h>
#include <unistd.h>

#include "session_private.h"

enum { CHUNK = 32 << 10, TAKEN_STEP = 32 << 10 };

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

void outputs_pump(struct session *s)
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
		if (session_send(s) < 0) {
			session_leave(s);
			return;
		}
		/* What is left in a stream that others still have open makes no event: it is read to the end now. */
	} while (s->state == DRAINING && s->out.len < OUTPUT_HIGH);
	session_flush(s);
}

void output_ready(struct loop_io *io, uint32_t events)
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

void input_pump(struct session *s)
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

void input_ready(struct loop_io *io, uint32_t events)
{
	struct session *s = io->data;

	/* A write to a terminal that is full wakes up who waits to write: the next would follow at once. */
	if (!s->request.terminal || (events & EPOLLOUT))
		input_pump(s);
}
