/* Who is asked: containerd, or the stand-in where containerd has not been started. The calls are those of calls.h and
 * stand_in.h, which are the same; t says whose they are, and the answer is the same whoever gave it. */
#pragma once

#include <sys/types.h>

#include "calls.h"
#include "stand_in.h"

struct containerd;
struct ask;

typedef void ask_fn(struct ask *a, enum grpc_status status, const char *message);

/* Owned by the caller, zero-initialised; free for the next call when done() is called. */
struct ask {
	ask_fn *done; /* perhaps before the call that began it returns */
	void *data;
	/* private */
	bool stood_in; /* the last one was the stand-in's */
	struct rpc_call call;
	struct stand_in_call own;
};

/* The container's record: the stand-in keeps none, and all is well. */
void ask_container_create(struct containerd *e, struct ask *a, const char *ns, const char *id, const char *spec);
void ask_container_delete(struct containerd *e, struct ask *a, const char *ns, const char *id);

/* As in calls.h. spec is the stand-in's, to whom nobody has given it before. */
void ask_task_create(struct containerd *e, struct ask *a, const char *ns, const char *id, const char *spec,
		     const char *out, const char *err);
void ask_task_get(struct containerd *e, struct ask *a, const char *ns, const char *id);
void ask_task_delete(struct containerd *e, struct ask *a, const char *ns, const char *id);
void ask_task_kill(struct containerd *e, struct ask *a, const char *ns, const char *id, int signo);
void ask_exec_create(struct containerd *e, struct ask *a, const char *ns, const char *id, const char *exec,
		     const char *process);
void ask_exec_delete(struct containerd *e, struct ask *a, const char *ns, const char *id, const char *exec);
void ask_process_start(struct containerd *e, struct ask *a, const char *ns, const char *id, const char *exec);
void ask_process_wait(struct containerd *e, struct ask *a, const char *ns, const char *id, const char *exec);

bool ask_active(const struct ask *a);
/* Ends it without done(); legal in every state. */
void ask_cancel(struct ask *a);

/* --- answers ------------------------------------------------------------------------------------------------ */

pid_t ask_created_pid(const struct ask *a);
enum containerd_task ask_task_found(const struct ask *a, pid_t *pid, int *code);
int ask_exit_code(const struct ask *a);
