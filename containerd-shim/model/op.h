/* Calls on a container that need its runtime are operations. They are run one after another, but that shared ones
 * (starting added processes) run side by side. All else is answered from memory, at once.
 *
 *     op_submit() -> waiting --(its turn: run())--> running --(op_end(), called by the operation)--> free()
 *                       |                              |
 *                       |                              +-- a deadline passes: the runtime's process is killed
 *                       +-- the caller goes or its deadline passes, or the queue is closed: free() alone
 *
 * An operation answers its call once, with op_reply() or op_fail(), and then calls op_end(): from run() or from a
 * callback of what it waits for (op_runtime(), timers, streams). After op_end() the operation is gone, and its
 * container may be: an operation that closes the queue is the last one, and the queue calls `closed` behind it.
 *
 * One that would wait for the container's first process is told of its end by init_ended(). */
#pragma once

#include <stdbool.h>

#include "grpc.h"
#include "job.h"
#include "list.h"
#include "server.h"

struct container;
struct process;
struct op;

struct op_queue {
	struct list waiting, running;
	struct op *exclusive; /* NULL: none runs */
	unsigned shared;      /* how many run */
	bool closing;         /* no further one is run */
	/* Once, when it is closing and nothing runs any more: those that wait have been refused by then. */
	void (*closed)(struct container *c);
	/* private */
	bool pumping;
};

struct op {
	struct container *container;
	struct process *process;           /* NULL: the container as a whole */
	struct call *call;                 /* NULL: nobody waits for it */
	void (*run)(struct op *op);        /* its turn; ends with op_end(), now or later */
	void (*free)(struct op *op);       /* the memory, called by op_end(); `queued` says whether it ever ran */
	void (*init_ended)(struct op *op); /* NULL: it finds out by itself that the first process ended */
	struct job job;
	const int *heard; /* for op_runtime(): as in struct job_spec */
	bool shared, timed_out;
	bool queued;
	bool after_end; /* it began when the first process had ended */
	/* private */
	struct list place;
};

void op_queue_init(struct op_queue *q, void (*closed)(struct container *c));
/* Whether nothing runs. */
static inline bool op_queue_idle(const struct op_queue *q)
{
	return !q->exclusive && q->shared == 0;
}
/* Kills the runtime's calls that began before the container's first process ended: they come to nothing. Whether there
 * was such an operation. */
bool op_queue_hurry(struct op_queue *q);
/* Refuses all operations, also those that run, since the shim ends. */
void op_queue_leave(struct op_queue *q);

/* Starts it or puts it into the queue. The operation, and with it the container, may be gone afterwards. */
void op_submit(struct op *op);
/* Frees the operation and starts what waited for it. The call has been answered by then. */
void op_end(struct op *op);
/* Answers the call with the error, as what it is: GRPC_DEADLINE_EXCEEDED when the time was up, else `status`. */
void op_fail(struct op *op, enum grpc_status status, const struct error *err);
void op_reply(struct op *op, const ProtobufCMessage *response);
/* Calls the runtime; argv is freed. stdio: as in struct job_spec. */
int op_runtime(struct op *op, char **argv, const int *stdio, int input, bool input_is_stdin, job_fn *done,
	       struct error *err);
static inline struct op *op_of(struct job *job)
{
	return job->data;
}
