/* Pids: the processes in the container's control group. */
#include <stdlib.h>
#include <string.h>

#include "container.h"
#include "reply.h"
#include "runc_options.pb-c.h"
#include "task.h"

struct pids {
	struct container *container;
	Containerd__V1__Types__ProcessInfo **list;
	size_t count, cap;
};

static void pids_free(struct pids *p)
{
	for (size_t i = 0; i < p->count; i++)
		protobuf_c_message_free_unpacked(&p->list[i]->base, NULL);
	free(p->list);
}

/* The name of an added process goes along. */
static int details_add(Containerd__V1__Types__ProcessInfo *info, const struct process *p)
{
	Containerd__Runc__V1__ProcessDetails details = CONTAINERD__RUNC__V1__PROCESS_DETAILS__INIT;
	Google__Protobuf__Any *any = malloc(sizeof(*any));

	if (!any)
		return -1;
	*any = (Google__Protobuf__Any)GOOGLE__PROTOBUF__ANY__INIT;
	info->info = any;
	details.exec_id = p->id;
	any->type_url = strdup(details.base.descriptor->name);
	any->value.len = containerd__runc__v1__process_details__get_packed_size(&details);
	any->value.data = malloc(any->value.len ? any->value.len : 1);
	if (!any->type_url || !any->value.data)
		return -1;
	containerd__runc__v1__process_details__pack(&details, any->value.data);
	return 0;
}

static int pid_add(pid_t pid, void *data)
{
	struct pids *p = data;
	Containerd__V1__Types__ProcessInfo *info;

	if (p->count == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 16;
		Containerd__V1__Types__ProcessInfo **grown = reallocarray(p->list, cap, sizeof(*grown));

		if (!grown)
			return -1;
		p->list = grown;
		p->cap = cap;
	}
	info = malloc(sizeof(*info));
	if (!info)
		return -1;
	*info = (Containerd__V1__Types__ProcessInfo)CONTAINERD__V1__TYPES__PROCESS_INFO__INIT;
	info->pid = (uint32_t)pid;
	p->list[p->count++] = info;
	for (struct list *at = p->container->execs.next; at != &p->container->execs; at = at->next) {
		const struct process *exec = list_entry(at, struct process, place);

		if (exec->pid == pid && !exec->ended)
			return details_add(info, exec);
	}
	return 0;
}

void task_pids(struct container *c, struct call *call)
{
	Containerd__Task__V2__PidsResponse response = CONTAINERD__TASK__V2__PIDS_RESPONSE__INIT;
	struct pids pids = { .container = c };
	const char *dir = cgroups_dir(&c->cgroups, "pids");
	int result = 0;

	if (!dir)
		dir = cgroups_dir(&c->cgroups, "devices");
	if (dir)
		result = cgroups_each_pid(dir, pid_add, &pids);
	else if (c->init.pid > 0 && !c->init.ended)
		result = pid_add(c->init.pid, &pids); /* without groups of its own, this is what is known */
	response.n_processes = pids.count;
	response.processes = pids.list;
	if (result < 0)
		call_fail(call, GRPC_RESOURCE_EXHAUSTED, "out of memory");
	else
		call_reply(call, &response.base);
	pids_free(&pids);
}
