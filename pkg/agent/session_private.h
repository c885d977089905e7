/* One connection: a request, then the command's streams until its end.
 *
 *   WAITING --request--> STARTING --launch--> RUNNING --exit--> DRAINING --output sent--> ENDING --all sent--> closed
 *
 * FAILED goes to ENDING from everywhere. When the host goes away early, the streams are closed and the session stays,
 * without its connection, until its process can be reaped.
 *
 * Who calls whom:
 *
 *   session.c            accepted connections, frames of the host, the process's start and exit
 *     -> session_streams.c  bytes between the process and the buffers
 *       -> session_end.c       bytes of the buffers to the host; the end */
#pragma once

#include "agent.h"
#include "buf.h"
#include "launch.h"
#include "server.h"
#include "session.h"

enum { OUTPUT_HIGH = 128 << 10 }; /* bytes that wait to be sent: no more is read of the process then */

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

/* --- session_end.c ------------------------------------------------------------------------------------------------ */

void stream_close(struct loop_io *io);
void stream_watch(struct session *s, struct loop_io *io, bool on);
void session_free(struct session *s);
/* The host will have no more of it: the session ends, or waits for its process. */
void session_leave(struct session *s);
/* The last frame is made (added 0, or -1 without memory): ENDING. */
void session_finish(struct session *s, int added);
void session_fail(struct session *s, int status, const char *why);
/* As much as the connection takes. -1: it has gone. */
int session_send(struct session *s);
/* The same, and watches for what is next. May end the session: the last call of its callers. */
void session_flush(struct session *s);

/* --- session_streams.c -------------------------------------------------------------------------------------------- */

/* From the process and to it. May end the session. */
void outputs_pump(struct session *s);
void input_pump(struct session *s);
loop_io_fn output_ready, input_ready;
