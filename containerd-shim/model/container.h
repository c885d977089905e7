/* Containers and their processes as the shim knows them.
 *
 * A process goes from CREATED (a process added later: not even that, only its description is there) over RUNNING to
 * STOPPED. What the kernel says (it ended) and what the outside is told (the exit event, the answers to Wait) are two
 * things: an end is made public only when the start has been, and the end of a container's first process only when
 * the others have ended. process_settle() decides that; everybody who changes one of the conditions calls it.
 *
 * Calls on a container that need its runtime are operations (`struct op`): they are run one after another, but that
 * shared ones (starting added processes) run side by side. All else is answered from memory, at once. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "bundle.h"
#include "cgroups.h"
#include "job.h"
#include "list.h"
#include "oom.h"
#include "reaper.h"
#include "runtime.h"
#include "server.h"
#include "streams.h"

struct shim;
struct op;

enum process_state {
	PROCESS_CREATED,
	PROCESS_RUNNING,
	PROCESS_STOPPED,
};

struct process {
	struct list place; /* among the container's added ones */
	struct container *container;
	char *id; /* the container's for its first process */
	struct streams_paths paths;
	struct streams streams;
	enum process_state state;
	bool starting;             /* an operation works on it */
	struct deletion *deletion; /* under way */
	bool told;                 /* its start is public, or will never be */
	bool failed;               /* an added one whose start came to nothing */
	bool ended;                /* the kernel says so */
	pid_t pid;                 /* 0: none yet */
	struct exit_watch exit;
	unsigned status; /* of the end, as a shell gives it */
	struct timespec ended_at;
	struct list waiters;
	void (*on_stopped)(struct process *p); /* once the end is public; may free all of it */
	struct buf spec;                       /* an added one's description, until it is started */
};

struct container {
	struct list place;
	struct shim *shim;
	char *id, *bundle;
	char *rootfs; /* where its mounts are, NULL: nowhere */
	struct process init;
	struct list execs;
	bool created; /* the outside knows it */
	bool paused, pausing;
	bool private_pids;                    /* all its processes end with the first */
	bool swept;                           /* else: the others have been told to */
	char *checkpoint, *parent_checkpoint; /* to be restored from at start; NULL: not */
	struct bundle_options options;
	struct streams_owner streams_owner;
	struct cgroups cgroups;
	struct oom_watch oom;
	struct job sweep;
	struct loop_timer patience; /* with what does not end when the first process has */
	bool impatient;
	/* operations */
	struct list queue, running;
	struct op *exclusive;
	unsigned shared;
	bool gone; /* to be freed when the last operation has ended */
	bool pumping;
};

/* --- containers --- */
struct container *container_new(struct shim *shim, const char *id, const char *bundle, struct error *err);
/* Takes it out of the shim. Nothing of it may be under way; an operation sets `gone` instead, and ends. */
void container_free(struct container *c);
/* One that the outside knows; NULL if there is none. */
struct container *container_find(struct shim *shim, const char *id);
/* Also one that is being created. */
bool container_exists(struct shim *shim, const char *id);
/* exec_id "": the first process. NULL if there is none. */
struct process *container_process(struct container *c, const char *exec_id);
/* For runtime_argv(). */
struct runtime container_runtime(const struct container *c);
/* Forgets one that lives on when the shim ends. */
void container_leave(struct container *c);
/* Kills what is left of it without asking anybody, for a shim that gives up on it. */
void container_abandon(struct container *c);

/* --- processes --- */
/* id and paths are copied. */
int process_init(struct process *p, struct container *c, const char *id, const char *in, const char *out,
		 const char *err, bool terminal);
void process_clear(struct process *p);
struct process *process_new(struct container *c, const char *id, const char *in, const char *out, const char *err,
			    bool terminal);
void process_free(struct process *p);
static inline bool process_is_init(const struct process *p)
{
	return p == &p->container->init;
}
/* From now on its end is noticed. */
int process_watch(struct process *p, pid_t pid, struct error *err);
/* Makes its end public if it is time for it. Its container may be settled by it, but nothing is freed. */
void process_settle(struct process *p);
/* Answers the call when the process is stopped, maybe at once. */
void process_wait(struct process *p, struct call *call);
/* Answers all of those: for a process that was never started, and never will be. */
void process_answer(struct process *p);

/* --- operations --- */
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
