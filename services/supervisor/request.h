/* A request of the `service` command to the supervisor (control.h has what they mean):
 *
 *   list | VERB NAME [DIR [SOCKET]]      VERB: start, stop, restart, wait, started
 *
 * words, each ended by a NUL byte. An empty DIR or SOCKET is as one that is not there. */
#pragma once

#include <stddef.h>

#include "error.h"

enum request_verb { REQUEST_LIST, REQUEST_START, REQUEST_STOP, REQUEST_RESTART, REQUEST_WAIT, REQUEST_STARTED };

enum { REQUEST_MAX = 4096 };

/* The strings point into the request's bytes; NULL: not given. */
struct request {
	enum request_verb verb;
	const char *name;
	const char *dir;    /* where a service that is not known yet is; absolute */
	const char *socket; /* of the containerd to go through; absolute */
};

int request_parse(const char *bytes, size_t n, struct request *out, struct error *err);
