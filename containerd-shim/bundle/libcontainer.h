/* Short cuts past `runc start` and `runc delete`, each of which costs as much as starting a Go program.
 *
 * A container that runc has created waits in the open of a fifo in its state directory; `runc start` opens the other
 * end, reads a byte and removes the fifo. `runc delete` of a container that ended removes its control groups and the
 * state directory. Both are done here where the state directory is certainly runc's and nothing else would have to
 * happen (hooks, systemd's scopes, resctrl groups, processes that outlive the first one). In every other case, and when
 * a step fails, the answer is LIBCONTAINER_UNFIT, and the caller asks the runtime.
 *
 * Facts: libcontainer/{container,factory,state}_linux.go of runc 1.0 to 1.4. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "error.h"

enum libcontainer_result {
	LIBCONTAINER_DONE = 0,
	LIBCONTAINER_UNFIT = 1,
};

/* What a state.json says. */
struct libcontainer_state {
	pid_t pid;
	bool private_pids;
	bool hooks;     /* poststart or poststop */
	bool managed;   /* its control groups are somebody else's too: systemd, resctrl, a user namespace's */
	char **cgroups; /* directories */
};

#define _cleanup_libcontainer_state_ _cleanup_(libcontainer_state_clear)
void libcontainer_state_clear(struct libcontainer_state *s);
/* -1 for what is not runc's. */
int libcontainer_state_parse(const char *text, size_t n, struct libcontainer_state *out, struct error *err);

/* Opens the fifo that the container's first process `pid` waits at: a descriptor (non-blocking) that becomes readable
 * when the process runs, or ends without a byte when it could not. -1: unfit. */
int libcontainer_start_open(const char *root, const char *id, pid_t pid);
/* Removes the fifo after that. */
void libcontainer_start_done(const char *root, const char *id);

/* Of a container whose first process `pid` has ended. */
enum libcontainer_result libcontainer_delete(const char *root, const char *id, pid_t pid);
