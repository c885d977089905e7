/* One service: what its files say, what it is doing, and the steps between (service.c is the state machine).
 *
 *                 +------------------------ start ------------------------+
 *                 v                                                        |
 *   STOPPED -> WAITING -> STARTING -> CHECKING -> RUNNING                  |
 *      ^          ^           |           |          |                     |
 *      |          |           +-----------+----------+--> BACKOFF | ENDED | FAILED
 *      |          +------- time is up, policy restarts ------+
 *      +-- STOPPING <-- stop, from any state with a process
 *
 *   WAITING   for the services it is after, or for its turn
 *   STARTING  the engine makes the container
 *   CHECKING  it runs; org.pith.ready is not fulfilled yet
 *   ENDED     with status 0, and the policy leaves it so; FAILED: otherwise
 *
 * What would be lost with this process is in a file for the supervisor that follows (saved.h).
 *
 * The supervisor asks (service_start() and its like), the engine reports what became of it (service_started() and its
 * like, engine.h), ready.h says when it is ready, and the timer when a state has lasted too long. The service itself
 * calls its engine, and tells the supervisor by service_site.changed(). */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "capture.h"
#include "engine.h"
#include "error.h"
#include "loop.h"
#include "oom.h"
#include "policy.h"
#include "prepare.h"
#include "ready.h"
#include "saved.h"

struct service;

/* What all services share. */
struct service_site {
	const struct engine_host *host;
	struct engine *engine; /* the usual one */
	unsigned starting;     /* services in state STARTING */
	/* Its state changed: others may start or stop now, and clients have their answer. */
	void (*changed)(struct service *s, void *data);
	/* Whether all that it is after is ready, and few enough others are starting. */
	bool (*may_start)(const struct service *s, void *data);
	void *data;
};

struct service {
	struct service_site *site;
	struct engine *engine; /* changes only while there is no task */
	struct engine_container container;
	char *name;
	char *path;     /* of the bundle */
	bool elsewhere; /* it is not in the supervisor's directory */
	struct bundle bundle;
	struct policy policy;
	struct capture capture;
	struct ready ready;
	struct oom_watch oom;
	struct loop_timer oom_pause; /* until it may be named on the console again */
	uint64_t memory_limit;       /* bytes; 0: none of its own */

	enum service_state state;
	bool wanted;    /* somebody wants it to run */
	bool again;     /* start it once it has stopped */
	bool prepared;  /* the bundle's file systems are there */
	bool broken;    /* its files are wrong, or have not been read since it stopped: read before it is started */
	bool late;      /* was not ready in time: how it ends counts as a failure */
	bool reported;  /* its step is in the boot report */
	bool taken;     /* from the supervisor before this one: to be adopted, not started */
	bool unproven;  /* the same, and it was not ready yet */
	bool unstarted; /* the same, and it was being started: perhaps it never was */
	bool saved;     /* its file for the next supervisor is there */
	bool starved;   /* the kernel has killed a process of this run for want of memory */
	struct loop_timer timer; /* of the state: back-off, time-outs */

	pid_t pid;            /* first process; 0: none */
	unsigned restarts;    /* since it was last asked for */
	uint64_t oom_kills;   /* the same: its processes that the kernel killed for want of memory, */
	uint64_t oom_unnamed; /* and of them, those that were not named yet */
	uint64_t delay;       /* microseconds before the next restart */
	uint64_t begun;       /* CLOCK_BOOTTIME in microseconds: when it was asked for */
	uint64_t started;     /* the same: when its process started */
	uint64_t ended;       /* and when it ended */
	int code;             /* how: exit status or 128 + signal; -1: not known, never ended */
};

/* Reads the bundle. A service whose files are wrong is there all the same, FAILED, and says so in err. NULL only
 * without memory. */
struct service *service_new(struct service_site *site, const char *name, const char *path, struct error *err);
void service_free(struct service *s);

/* Goes on where the supervisor before this one was. Instead of service_start(), for one that was never started. */
void service_resume(struct service *s, const struct saved *m);

/* --- what is asked for; each is legal in every state ------------------------------------------------------- */
void service_start(struct service *s);
void service_stop(struct service *s);
void service_restart(struct service *s);

/* Starts it if it waits and may: called when another service's state changed. */
void service_consider(struct service *s);

/* Ready as others see it: what is after it may start. */
static inline bool service_is_ready(const struct service *s)
{
	return s->state == SERVICE_RUNNING;
}
static inline bool service_has_process(const struct service *s)
{
	return s->state >= SERVICE_STARTING && s->state <= SERVICE_STOPPING;
}

/* --- what the engine reports (engine.h) ----------------------------------------------------------------------- */
void service_started(struct engine_container *c, pid_t pid);
void service_start_failed(struct engine_container *c, const struct error *why);
void service_ending(struct engine_container *c);
void service_exited(struct engine_container *c, int code);
void service_removed(struct engine_container *c);
