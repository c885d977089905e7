/* The supervisor: all services, their order, and the end of all. One process, one event loop. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "engine.h"
#include "error.h"
#include "loop.h"
#include "service.h"

struct control;

#define SUPERVISOR_RUN_DIR "/run/pith/services"
#define SUPERVISOR_LOG_DIR "/var/log"
/* Where that led before the first service (logfile.h). */
#define SUPERVISOR_LOG_RECORD SUPERVISOR_RUN_DIR "/.logs"
/* Where `service` commands find it. */
#define SUPERVISOR_SOCKET "/run/pith/service.sock"

struct supervisor_options {
	const char *path;    /* directory of the services' bundles */
	const char *runtime; /* for the engine without containerd; NULL: the installed one */
	struct containerd_options containerd;
};

struct supervisor {
	const struct supervisor_options *options;
	struct loop *loop;
	struct engine *engine; /* the usual one, then those of other containerds (engine->next) */
	struct control *control;
	const char *path;
	char *logs; /* directory of the log files */
	bool first; /* none was there before in this boot */
	struct service **services;
	size_t count;
	unsigned starting;       /* services in state STARTING */
	bool stopping;           /* the machine goes down */
	bool engine_ending;      /* all services have stopped, the engine has been told */
	struct loop_timer sweep; /* for children that nobody waits for */
};

/* Runs until SIGTERM or SIGINT has stopped everything. */
int supervisor_run(const struct supervisor_options *o, struct error *err);

/* The service by this name, or NULL. */
struct service *supervisor_find(struct supervisor *v, const char *name);
/* The same, but one that came into the directory since is taken up; dir: another directory, NULL: the supervisor's. */
struct service *supervisor_take(struct supervisor *v, const char *name, const char *dir, struct error *err);
/* Has the service run through the containerd that listens there. One that runs through another is an error. */
int supervisor_use(struct supervisor *v, struct service *s, const char *socket, struct error *err);

/* A service's state changed: others may start or stop now, and clients have their answer. */
void supervisor_changed(struct supervisor *v, struct service *s);
/* Whether all that the service is after is ready, and few enough others are starting. */
bool supervisor_may_start(struct supervisor *v, const struct service *s);
