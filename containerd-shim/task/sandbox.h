/* A sandbox: what the containers of a group have in common. One shim has one sandbox.
 *
 *     sandbox_make() -> CREATED --sandbox_start()--> READY --sandbox_stop(), or its process ends--> STOPPED
 *                          |                                                                           ^
 *                          +--sandbox_stop()-----------------------------------------------------------+
 *
 * READY is a process (hold.h) in namespaces that containers join. sandbox_wait() answers calls at STOPPED.
 *
 * sandbox_end() is for a shim that is about to leave: it stops the sandbox, refuses new containers and removes those
 * that are left, which nobody could delete later. A container's removal is an operation of its own queue:
 *
 *     its turn -> the first process's end is public (2 s at most) -> removal.h -> the container goes
 *
 * After 2 s the operations before it are hurried. When the last container has gone the calls that asked for the end are
 * answered, after 40 s in any case. */
#pragma once

#include <sys/types.h>
#include <time.h>

#include "any.pb-c.h"
#include "list.h"
#include "loop.h"
#include "pod.h"
#include "reaper.h"
#include "server.h"

struct shim;

enum sandbox_state { SANDBOX_CREATED, SANDBOX_READY, SANDBOX_STOPPED };

struct sandbox {
	struct shim *shim;
	char *id, *netns_path;
	enum sandbox_state state;
	pid_t pid;
	struct timespec created_at, exited_at;
	unsigned status; /* of its process's end, as a shell gives it */
	/* private */
	struct pod pod;
	struct exit_watch exit;
	struct list waiters;
	/* the end */
	struct list enders;
	struct loop_timer patience;
	unsigned removals; /* containers that are being removed */
	bool ending, hurried, over;
};

/* Makes that of the shim, in the network namespace at the path ("": the shim's). NULL: *status says what kind of error.
 */
struct sandbox *sandbox_make(struct shim *shim, const char *id, const char *netns_path,
			     const Google__Protobuf__Any *options, enum grpc_status *status, struct error *err);
int sandbox_start(struct sandbox *s, struct error *err);
/* Its containers end with it. */
void sandbox_stop(struct sandbox *s);
/* The shim's; forgets it. Its process ends. */
void sandbox_free(struct shim *shim);
bool sandbox_is(const struct shim *shim, const char *id);

/* Answers the call. */
typedef void sandbox_answer_fn(struct call *call, const struct sandbox *s);
/* When it has stopped, maybe at once. */
void sandbox_wait(struct sandbox *s, struct call *call, sandbox_answer_fn *answer);
/* Ends it, and removes the containers that are left, for a shim that is about to leave; then answers, maybe at once. */
void sandbox_end(struct sandbox *s, struct call *call, sandbox_answer_fn *answer);
