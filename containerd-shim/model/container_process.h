/* A process of a container: its first one, or one that Exec added.
 *
 *     CREATED --(Start has been answered)--> RUNNING --(its end is public)--> STOPPED
 *        |                                                                       ^
 *        +--(it ended before Start, or its start failed with a process)----------+
 *
 * What the kernel says (`ended`) and what the outside is told (`told`, STOPPED) are two things; ending.h brings them
 * together. An added process is CREATED before anything of it runs: only its description is there. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

#include "buf.h"
#include "list.h"
#include "reaper.h"
#include "server.h"
#include "streams.h"

struct container;
struct deletion;

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
	bool starting; /* an operation works on it */
	bool told;     /* its start is public, or will never be */
	bool failed;   /* an added one whose start came to nothing */
	bool ended;    /* the kernel says so */
	pid_t pid;     /* 0: none yet */
	struct exit_watch exit;
	struct loop_timer look; /* whether its output has been read */
	unsigned looks;
	unsigned status; /* of the end, as a shell gives it */
	struct timespec ended_at;
	struct list waiters;
	struct buf spec; /* an added one's description, until it is started */
	/* Who deletes it sets these. */
	struct deletion *deletion;                /* under way, of an added one; NULL: none */
	void (*deletion_drop)(struct process *p); /* the process goes before its deletion is done */
	void (*on_stopped)(struct process *p);    /* once the end is public; may free all of it */
};

/* id and paths are copied. -1 without memory: process_clear() is due all the same. */
int process_init(struct process *p, struct container *c, const char *id, const char *in, const char *out,
		 const char *err, bool terminal);
/* Who waits for its end is told that it was deleted. */
void process_clear(struct process *p);
/* An added one of the container. NULL without memory. */
struct process *process_new(struct container *c, const char *id, const char *in, const char *out, const char *err,
			    bool terminal);
void process_free(struct process *p);

/* Answers the call when the process is stopped, maybe at once. */
void process_wait(struct process *p, struct call *call);
/* Answers all of those: for a process that is stopped, or was never started and never will be. */
void process_answer(struct process *p);
