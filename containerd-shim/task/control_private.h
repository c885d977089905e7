/* What the operations on a running container have in common (control.c, kill.c, checkpoint.c): most are one call of the
 * runtime.
 *
 *     control_new() -> op_submit() -> run(): control_allowed(), control_call() -> control_called()
 *         -> done(): control_end(), the answer      or control_failed() */
#pragma once

#include "container.h"
#include "task_service.pb-c.h"

struct control {
	struct op op;
	void (*done)(struct control *t); /* after the runtime succeeded */
	const char *what;                /* for messages */
	/* kill */
	unsigned signal;
	bool all;
	/* checkpoint: the request's, which is kept */
	const Containerd__Task__V2__CheckpointTaskRequest *checkpoint;
	char *work; /* to be removed afterwards; NULL: the client's */
	/* update */
	int resources;
};

static inline struct control *control_of(struct op *op)
{
	return (struct control *)(void *)op; /* the first member */
}

/* Answers the call itself when there is no memory. */
struct control *control_new(struct container *c, struct call *call, void (*run)(struct op *), const char *what);
void control_free(struct op *op);
/* Whether the container is in a state that allows it; else that has been the answer. */
bool control_allowed(struct control *t, bool yes);
/* Takes the arguments; NULL is no memory. `input` becomes the runtime's standard input, -1: none. */
void control_call(struct control *t, char **argv, int input, job_fn *done);
/* The call has ended: done(), or the runtime's error as the answer. */
void control_called(struct job *job);
void control_end(struct control *t);
/* Takes the error. */
void control_failed(struct control *t, enum grpc_status status, struct error *err);
