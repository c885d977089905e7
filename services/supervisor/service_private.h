/* A service's files, for service.c: its bundle, and what it leaves to the supervisor after this one. */
#pragma once

#include "service.h"

/* Reads the bundle and its annotations. On failure the service is `broken`. */
int service_load(struct service *s, struct error *err);
/* Opens its logs and makes its file systems, where that is still to be done. */
int service_prepare(struct service *s, struct error *err);
/* Writes down the state as it is, for the supervisor after this one. A service that was never started leaves nothing,
 * nor does one whose supervisor ends as it should. What cannot be written makes that one begin anew, no more. */
void service_save(struct service *s);

/* Watches the control group of its first process for kills of the kernel for want of memory, counts and names them. */
void service_watch_memory(struct service *s);

/* The last lines that it wrote in this run, on the console. */
void service_last_words(struct service *s);
