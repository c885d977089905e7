/* One container through containerd, as a state machine: each state but IDLE and QUEUED is one call of containerd that
 * is under way, and the answer leads to the next.
 *
 *   start                                                              adopt
 *     |                                                                  |
 *     +-> QUEUED (until connected) -> CONTAINER -> CREATE -> START       +-> QUEUED -> LOOK
 *                                       ^  | exists | exists | failed                   |
 *                                       |  v        v        v                          +-> IDLE: started
 *            once, then start_failed    +- KILL_OLD -> WAIT_OLD                         +-> WAIT: it has just ended
 *                                       |                |                              +-> DELETE: it has ended
 *                                       |                v                              +-> KILL_OLD: half made
 *                                       +- DELETE_OLD <- DROP_OLD                       +-> IDLE: exited
 *
 *   IDLE -- containerd serves, and the stand-in has made the container --> RECORD (RECORD_OLD) --> IDLE
 *   START -> IDLE: started.      IDLE -- its pidfd --> WAIT -> DELETE -> IDLE: exited.
 *   remove: IDLE -> REMOVE -> IDLE: removed
 *
 *   CONTAINER   Containers.Create, once in its life; containerd's namespace comes into being with it
 *   CREATE      Tasks.Create; then what has to happen between create and start
 *   START       Tasks.Start
 *   LOOK        Tasks.Get: how far the supervisor before this one had come
 *   KILL_OLD    Tasks.Kill of a task that is there already: of an earlier boot, half made, or one that does not start;
 *   WAIT_OLD    Tasks.Wait,
 *   DROP_OLD    Tasks.Delete,
 *   DELETE_OLD  Containers.Delete
 *   RECORD      Containers.Create for a container that has its task already;
 *   RECORD_OLD  Containers.Delete of the one before it
 *   WAIT        Tasks.Wait: the exit status. The end itself is seen by a pidfd, without containerd, which may be away
 *   DELETE      Tasks.Delete, which answers when all output has arrived in the fifos
 *   REMOVE      Containers.Delete
 *
 * While nobody has asked for containerd the stand-in answers all of these (ask.h).
 *
 * A call that fails because the connection broke is no failure of the service: the task stays in its state, and
 * task_resume() makes the call again. After CREATE and START nobody knows how far containerd came: there it is
 * KILL_OLD. While containerd is away the shim is asked for the exit status (shim_wait.h). */
#pragma once

#include "containerd_private.h"

/* These do what struct engine_ops says. */
void task_begin(struct containerd *e, struct engine_container *c, bool adopting);
void task_kill(struct engine_task *t, int signo);
int task_exec(struct engine_task *t, char *const *argv, engine_exec_fn *done, void *data, struct error *err);
void task_remove(struct containerd *e, struct engine_container *c);
void task_detach(struct engine_container *c);

/* Nothing is under way: each has come to its state, or waits for its turn. */
bool tasks_are_settled(const struct containerd *e);
/* Ends what may be under way for long: checks of readiness, which are made again later. */
void tasks_break_off(struct containerd *e);
/* containerd has each container in its database, and none that has been removed. */
bool tasks_are_recorded(const struct containerd *e);
/* There is a task of this name, in this namespace of containerd. */
bool tasks_have(const struct containerd *e, const char *namespace, const char *name);

/* There is a connection again, or the stand-in: each task does again what was under way, and what came since. */
void tasks_resume(struct containerd *e);
