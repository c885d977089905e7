/* The task service's operations on containers and processes. Each answers its call, now or later. */
#pragma once

#include "server.h"
#include "task_service.pb-c.h"

struct shim;
struct container;
struct process;

void task_create(struct shim *shim, struct call *call, const Containerd__Task__V2__CreateTaskRequest *request);
void task_start(struct process *p, struct call *call);
void task_delete(struct process *p, struct call *call);
void task_exec(struct container *c, struct call *call, const Containerd__Task__V2__ExecProcessRequest *request);
void task_kill(struct process *p, struct call *call, unsigned signal, bool all);
void task_pause(struct container *c, struct call *call);
void task_resume(struct container *c, struct call *call);
void task_update(struct container *c, struct call *call, const Containerd__Task__V2__UpdateTaskRequest *request);
void task_checkpoint(struct container *c, struct call *call,
		     const Containerd__Task__V2__CheckpointTaskRequest *request);
void task_pids(struct container *c, struct call *call);
