/* The supervisor: one process, one event loop, all services.
 *
 *   supervisor.c -- starts, stops, ends all -----> table.c -- asks ---> service.c -- calls ---> the engines
 *        |                                           ^                   |   `---> ready.c        |
 *        +--> control.c (the socket) -- finds, asks -+                   |                        |
 *        ^                                                               |                        |
 *        +---------- changed() ------------------------------------------+ <------- events -------+
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "error.h"

#define SUPERVISOR_RUN_DIR "/run/pith/services"
/* The services of the image, a bundle each. */
#define SUPERVISOR_SERVICES "/containers/services"
#define SUPERVISOR_LOG_DIR  "/var/log"
/* Where that led before the first service (logfile.h). */
#define SUPERVISOR_LOG_RECORD SUPERVISOR_RUN_DIR "/.logs"
/* Where `service` commands find it. */
#define SUPERVISOR_SOCKET "/run/pith/service.sock"

struct supervisor_options {
	const char *path;       /* directory of the services' bundles */
	const char *containerd; /* its program; where it is there */
	bool lazy;              /* it is left until somebody asks for it, */
	uint64_t idle;          /* and stopped when nobody has used it for so many seconds; 0: never */
	const char *socket;     /* where it listens, */
	const char *namespace;  /* and its namespace, for services that name none */
	const char *runtime;    /* where there is no containerd; NULL: the installed one */
};

/* Runs until SIGTERM or SIGINT has stopped everything. */
int supervisor_run(const struct supervisor_options *o, struct error *err);
