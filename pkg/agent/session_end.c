#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "session_private.h"

/* --- streams ------------------------------------------------------------------------------------------------------ */

void stream_close(struct loop_io *io)
{
	loop_io_remove(io);
	if (io->fd >= 0)
		close(io->fd);
	io->fd = -1;
}

void stream_watch(struct session *s, struct loop_io *io, bool on)
{
	if (on == loop_io_active(io))
		return;
	if (!on)
		loop_io_remove(io);
	else if (loop_io_add(s->agent->loop, io, NULL) < 0)
		stream_close(io);
}

/* --- the end ------------------------------------------------------------------------------------------------------ */

void session_free(struct session *s)
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
void session_leave(struct session *s)
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

/* --- what the host is sent ---------------------------------------------------------------------------------------- */

/* As much as the connection takes. -1: it has gone. */
int session_send(struct session *s)
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
void session_flush(struct session *s)
{
	if (session_send(s) < 0 || (s->out.len == 0 && s->state == ENDING) ||
	    loop_io_want(&s->io, EPOLLIN | EPOLLRDHUP | (s->out.len || s->state == DRAINING ? EPOLLOUT : 0), NULL) <
		    0) {
		session_leave(s);
		return;
	}
	for (int i = 0; i < 2 && s->state == RUNNING; i++)
		if (s->from_process[i].fd >= 0)
			stream_watch(s, &s->from_process[i], s->out.len < OUTPUT_HIGH);
}

/* Out of memory, or the last frame is made: nothing but sending is left. */
void session_finish(struct session *s, int added)
{
	s->state = ENDING;
	if (added < 0)
		session_leave(s);
	else
		session_flush(s);
}

void session_fail(struct session *s, int status, const char *why)
{
	session_finish(s, agent_frame_failed(&s->out, (uint32_t)status, why));
}
