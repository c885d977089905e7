/* The task service's operations on containers and processes. Each answers its call, now or later. */
#pragma once

#include "container.h"
#include "task_service.pb-c.h"

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

/* Whether it can name a file in the bundle and an argument of the runtime. */
bool task_id_is_valid(const char *id);
/* After the runtime has made a process: its number from the file, which is removed. */
int task_adopt(struct process *p, const char *pid_file, struct error *err);
/* Finds the container's control groups, by its first process, and watches them for lack of memory. */
void task_join_cgroups(struct container *c);
/* The process is about to go: who wanted to delete it is told that it is gone. */
void task_deletion_forget(struct process *p);
