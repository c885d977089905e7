/* What containerds and supervisors of before left behind: folders of tasks, and containers of services that an earlier
 * image had. */
#pragma once

#include <stdbool.h>

#include "engine.h"
#include "rpc.h"

/* Removes what a killed containerd left in the place of a task's bundle, where that is what `message` complains of:
 * killed between making that folder and starting the shim, it stumbles over it for ever. False: it is something else.
 */
bool leftovers_bundle_remove(const char *state, const char *namespace, const char *name, const char *message);

/* Removes what is left of the folder of a task that was removed, if there is something: a shim that starts writes into
 * its folder also when a containerd that was started meanwhile removes it. The task must not be there. */
void leftovers_deleted_remove(const char *state, const char *namespace, const char *name);

/* Removes folders of tasks that containerd was about to remove when it was killed. None may run. tasks: the directory.
 */
void leftovers_removed_clear(const char *tasks);

/* Containers that are no services; zero-initialised is idle. */
struct leftovers {
	struct rpc *rpc;
	const char *namespace;
	const struct engine_host *host;
	struct rpc_call call;
	char **names; /* still to be looked at */
	bool begun;
	void (*looked)(void *data); /* they have been looked at; NULL: nobody waits for that */
	void *data;
};

/* Lists the containers of the namespace and deletes those that are no services, one after another. Only metadata: their
 * tasks went with the boot that they ran in. */
void leftovers_begin(struct leftovers *l, struct rpc *rpc, const char *namespace, const struct engine_host *host);
/* They are not being looked at. */
static inline bool leftovers_idle(const struct leftovers *l)
{
	return !grpc_call_active(&l->call.call);
}
/* The connection goes. Legal at any time. */
void leftovers_end(struct leftovers *l);
