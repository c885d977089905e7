/* All services by name, the engines that they run through, and their order: who waits for whom.
 *
 * The supervisor starts and stops what is in here; its socket (control.h) finds here what a client names. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "engine.h"
#include "error.h"
#include "service.h"

struct supervisor_options;

struct table {
	const struct supervisor_options *options;
	struct service_site site;
	struct engine *engines; /* the usual one, then those of other containerds (engine->next) */
	struct service **services;
	size_t count;
};

/* Makes the usual engine and reads all bundles. Starts nothing. The caller has filled the rest of the struct. */
int table_load(struct table *t, struct error *err);
/* Starts all, or has them go on where the supervisor before this one was. */
void table_start(struct table *t);
void table_clear(struct table *t);

/* The service by this name, or NULL. */
struct service *table_find(const struct table *t, const char *name);
/* The same, but one that came into the directory since is taken up; dir: another directory, NULL: the supervisor's. */
struct service *table_take(struct table *t, const char *name, const char *dir, struct error *err);
/* Has the service run through the containerd that listens there. One that runs through another is an error. */
int table_use(struct table *t, struct service *s, const char *socket, struct error *err);

/* Whether all that the service is after is ready, and few enough others are starting. */
bool table_may_start(const struct table *t, const struct service *s);
/* Stops what nothing else needs any more: from the end of the order to its beginning. True: all have stopped. */
bool table_stop(struct table *t);
