/* What makes containers run: containerd (containerd.c), or the runtime without it (direct.c). Both are driven by the
 * supervisor's event loop and never block it for longer than a local call takes.
 *
 * For one service the calls come in this order: start (or once, first, adopt), then, after service_started(), kill and
 * exec at will until service_exited(), then start again or remove. */
#pragma once

#include <stdbool.h>

#include "error.h"

struct engine;
struct service;
struct supervisor;

/* code: exit status of the command, -1: it could not be run */
typedef void engine_exec_fn(struct service *s, int code);

struct engine_ops {
	const char *name;
	/* Makes the container and starts it. Reports service_started() or service_start_failed(), perhaps before it
	 * returns. */
	void (*start)(struct engine *e, struct service *s);
	/* Takes over the container of the supervisor before this one. Reports service_started(), or service_exited()
	 * with the exit status that it had meanwhile, -1 where nobody knows it; service_start_failed() when it was
	 * never quite started. Perhaps before it returns. */
	void (*adopt)(struct engine *e, struct service *s);
	/* Sends a signal to its first process; KILL reaches all of them. While it is being started: gives that up, as
	 * soon as that can be done, and reports service_start_failed(). */
	void (*kill)(struct engine *e, struct service *s, int signo);
	/* Runs a command in the container, output thrown away. At most one at a time. */
	int (*exec)(struct engine *e, struct service *s, char *const *argv, engine_exec_fn *done, struct error *err);
	/* Forgets a service without a process; reports service_removed(). */
	void (*remove)(struct engine *e, struct service *s);
	/* Frees what it holds for a service that goes. */
	void (*detach)(struct engine *e, struct service *s);
	/* All services have stopped: end what else runs; engine_gone() follows. */
	void (*shutdown)(struct engine *e);
	void (*free)(struct engine *e);
};

struct engine {
	const struct engine_ops *ops;
	struct supervisor *supervisor;
	const char *socket; /* of the containerd; NULL: there is none */
	struct engine *next;
	bool gone;
};

/* The engine has nothing running any more (in supervisor.c). */
void engine_gone(struct engine *e);

struct containerd_options {
	const char *program; /* NULL: somebody else keeps it running */
	const char *socket;
	const char *namespace; /* of services that name none */
	const char *settings;  /* runtime-config.toml */
	const char *state;     /* where it keeps the tasks that run */
};

/* The strings stay the caller's, and must outlive the engine. */

struct engine *engine_containerd(struct supervisor *v, const struct containerd_options *o, struct error *err);

/* runtime: program, NULL: the one that is installed; root: its state directory, NULL: its default */
struct engine *engine_direct(struct supervisor *v, const char *runtime, const char *root, struct error *err);
