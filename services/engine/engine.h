/* What makes containers run (containerd/), through a containerd or without one: one engine for each. The supervisor's
 * event loop drives them, and none blocks it for longer than a local call takes.
 *
 * The supervisor calls the engine; the engine answers with events and never calls anything else of the supervisor:
 *
 *     start, or once, first, adopt  ->  started | start_failed | exited
 *     kill, exec (at will)          ->  exited
 *     start again, or remove        ->  removed
 *     shutdown                      ->  gone
 *
 * An event may come before the call that it answers returns. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "error.h"

struct bundle;
struct capture;
struct engine;
struct engine_container;
struct engine_task;
struct loop;
struct reaper;

/* data: as in struct engine_host */
struct engine_events {
	/* Its first process runs. */
	void (*started)(struct engine_container *c, pid_t pid);
	/* It could not be started, and nothing of it is left. */
	void (*start_failed)(struct engine_container *c, const struct error *why);
	/* Its first process has ended. Its control group is still there, which it may not be when exited comes. NULL:
	 * nobody wants to know. */
	void (*ending)(struct engine_container *c);
	/* It ended and its task is gone. code: exit status or 128 + signal; -1: nobody knows it. */
	void (*exited)(struct engine_container *c, int code);
	/* After remove: no trace of the container is left. */
	void (*removed)(struct engine_container *c);
	/* After shutdown: the engine has nothing running any more. */
	void (*gone)(struct engine *e, void *data);
	/* A question rather than an event: whether there is a service of this name. */
	bool (*is_known)(const char *name, void *data);
};

/* What an engine lives in; the supervisor's, which changes `stopping` alone. */
struct engine_host {
	struct loop *loop;
	struct reaper *reaper; /* of all children of the process */
	const struct engine_events *events;
	void *data;
	const char *run_dir; /* has a folder for each container */
	const char *logs;    /* directory of the log files */
	bool first;          /* no supervisor was there before in this boot */
	bool stopping;       /* the machine goes down */
};

/* A container as engines see it, embedded in the service that it is of. */
struct engine_container {
	const char *name;
	const struct bundle *bundle;
	const struct capture *capture; /* what it writes goes there */
	struct engine_task *task;      /* the engine's own; NULL: none */
};

/* code: exit status of the command, -1: it could not be run */
typedef void engine_exec_fn(void *data, int code);

struct engine_ops {
	const char *name;
	/* Makes the container and starts it: started or start_failed. */
	void (*start)(struct engine *e, struct engine_container *c);
	/* Takes over the container of the supervisor before this one: started, or exited with the exit status that it
	 * had meanwhile; start_failed when it was never quite started. */
	void (*adopt)(struct engine *e, struct engine_container *c);
	/* Sends a signal to its first process; KILL reaches all of them. While it is being started: gives that up, as
	 * soon as that can be done: start_failed. */
	void (*kill)(struct engine *e, struct engine_container *c, int signo);
	/* Runs a command in the container, output thrown away. At most one at a time. Unless this fails, done() is
	 * called once, at the latest when the container goes. */
	int (*exec)(struct engine *e, struct engine_container *c, char *const *argv, engine_exec_fn *done, void *data,
		    struct error *err);
	/* Forgets a container without a process: removed. */
	void (*remove)(struct engine *e, struct engine_container *c);
	/* Frees what the engine holds for a container that goes. A command that still runs in it counts as one that
	 * could not be run. */
	void (*detach)(struct engine *e, struct engine_container *c);
	/* All services have stopped: ends what else runs: gone. */
	void (*shutdown)(struct engine *e);
	void (*free)(struct engine *e);
};

struct engine {
	const struct engine_ops *ops;
	const struct engine_host *host;
	const char *socket; /* of the containerd; NULL: there is none */
	/* the supervisor's */
	struct engine *next;
	bool gone;
};
