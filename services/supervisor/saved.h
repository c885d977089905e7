/* What a supervisor leaves to the one after it: a file for each service, SUPERVISOR_RUN_DIR/NAME/state, with these
 * lines, as `struct saved` has them; "-" stands for nothing:
 *
 *   STATE, FLAGS (first letters of wanted, again, prepared, reported), RESTARTS, DELAY, CODE, PID, STARTED, DIR,
 * SOCKET, OOM_KILLS
 *
 * It lies on a file system that a boot begins with empty. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "error.h"

enum service_state {
	SERVICE_STOPPED,
	SERVICE_WAITING,
	SERVICE_STARTING,
	SERVICE_CHECKING,
	SERVICE_RUNNING,
	SERVICE_STOPPING,
	SERVICE_BACKOFF,
	SERVICE_ENDED,
	SERVICE_FAILED,
	SERVICE_STATES,
};

extern const char *const service_state_names[SERVICE_STATES];

struct saved {
	enum service_state state;
	bool wanted, again, prepared, reported; /* as in struct service */
	unsigned restarts;
	uint64_t delay;   /* microseconds */
	uint64_t started; /* the same, CLOCK_BOOTTIME */
	int code;         /* -1: not known */
	pid_t pid;        /* 0: none */
	char *dir;        /* where its bundle is; NULL: in the supervisor's directory */
	uint64_t oom_kills;
	char *socket; /* of the containerd that it runs through; NULL: the supervisor's engine */
};

#define _cleanup_saved_ _cleanup_(saved_clear)
void saved_clear(struct saved *s);

/* The file's text; NULL without memory. */
char *saved_format(const struct saved *s);
int saved_parse(const char *text, size_t n, struct saved *out, struct error *err);
