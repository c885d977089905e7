/* containerd's gRPC methods that the engine calls, and what it wants to know of their answers. Each starts the call
 * `c` on `r` (rpc.h); ns is containerd's namespace, id the container's. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "rpc.h"
#include "str.h"

/* Asks for nothing that matters: whether there is an answer is the answer. */
void containerd_version(struct rpc *r, struct rpc_call *c);

/* spec: config.json as containerd is to keep it. */
void containerd_container_create(struct rpc *r, struct rpc_call *c, const char *ns, const char *id, const char *spec);
void containerd_container_delete(struct rpc *r, struct rpc_call *c, const char *ns, const char *id);
void containerd_container_list(struct rpc *r, struct rpc_call *c, const char *ns);

/* out, err: paths of fifos */
void containerd_task_create(struct rpc *r, struct rpc_call *c, const char *ns, const char *id, const char *out,
			    const char *err);
void containerd_task_get(struct rpc *r, struct rpc_call *c, const char *ns, const char *id);
void containerd_task_delete(struct rpc *r, struct rpc_call *c, const char *ns, const char *id);
void containerd_task_kill(struct rpc *r, struct rpc_call *c, const char *ns, const char *id, int signo);

/* A further process; exec: its id, "" is the container's first one. process: OCI process as JSON. */
void containerd_exec_create(struct rpc *r, struct rpc_call *c, const char *ns, const char *id, const char *exec,
			    const char *process);
void containerd_exec_delete(struct rpc *r, struct rpc_call *c, const char *ns, const char *id, const char *exec);
void containerd_process_start(struct rpc *r, struct rpc_call *c, const char *ns, const char *id, const char *exec);
void containerd_process_wait(struct rpc *r, struct rpc_call *c, const char *ns, const char *id, const char *exec);

/* --- answers ------------------------------------------------------------------------------------------------ */

/* Process id in the answer of task_create; 0 if there is none. */
pid_t containerd_created_pid(const struct rpc_call *c);
/* The answer of task_get. pid: 0 if it has none; code: exit status of one that has ended, -1 if it is not known. */
enum containerd_task {
	CONTAINERD_TASK_NONE,
	CONTAINERD_TASK_HALF_MADE, /* created, never started */
	CONTAINERD_TASK_RUNS,
	CONTAINERD_TASK_ENDED,
};
enum containerd_task containerd_task_found(const struct rpc_call *c, pid_t *pid, int *code);
/* Exit status in the answer of process_wait, -1 if there is none. */
int containerd_exit_code(const struct rpc_call *c);
/* Names in the answer of container_list. NULL if there are none. */
char **containerd_container_names(const struct rpc_call *c);
