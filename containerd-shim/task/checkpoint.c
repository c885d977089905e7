/* Checkpoint: `runtime checkpoint`, which leaves the container running unless the options say otherwise. */
#include <stdio.h>
#include <stdlib.h>

#include "control_private.h"
#include "io.h"
#include "log.h"
#include "reply.h"
#include "runc_options.pb-c.h"
#include "shim.h"
#include "str.h"
#include "task.h"

/* What criu has to say is in its log, which is kept when it failed. */
static void checkpoint_done(struct job *job)
{
	struct control *t = control_of(op_of(job));
	struct container *c = t->op.container;
	Containerd__Events__TaskCheckpointed event = CONTAINERD__EVENTS__TASK_CHECKPOINTED__INIT;
	_cleanup_free_ char *from = t->work ? str_format("%s/dump.log", t->work) : NULL;
	_cleanup_free_ char *to = str_format("%s/criu-dump.log", c->bundle);
	_cleanup_error_ struct error e = { 0 };

	if (job_succeeded(job)) {
		event.container_id = c->id;
		event.checkpoint = t->checkpoint->path;
		publish(&c->shim->publisher, "/tasks/checkpointed", &event.base);
	} else if (from && to) {
		(void)rename(from, to); /* may be missing: the runtime's own message is left then */
	}
	if (t->work && dir_remove(t->work, &e) < 0)
		log_warn("%s: %s", c->id, error_text(&e));
	control_called(job);
}

/* -1 without memory. */
static int checkpoint_options(char ***argv, const Containerd__Runc__V1__CheckpointOptions *o)
{
	const struct {
		bool set;
		const char *option;
	} flags[] = {
		{ o->open_tcp, "--tcp-established" }, { o->external_unix_sockets, "--ext-unix-sk" },
		{ o->terminal, "--shell-job" },       { o->file_locks, "--file-locks" },
		{ !o->exit, "--leave-running" },
	};

	for (size_t i = 0; i < array_len(flags); i++)
		if (flags[i].set && strv_add(argv, flags[i].option) < 0)
			return -1;
	for (size_t i = 0; i < o->n_empty_namespaces; i++)
		if (strv_add(argv, "--empty-ns") < 0 || strv_add(argv, o->empty_namespaces[i]) < 0)
			return -1;
	if (*o->cgroups_mode && (strv_add(argv, "--manage-cgroups-mode") < 0 || strv_add(argv, o->cgroups_mode) < 0))
		return -1;
	if (*o->parent_path && (strv_add(argv, "--parent-path") < 0 || strv_add(argv, o->parent_path) < 0))
		return -1;
	return 0;
}

static char **checkpoint_argv(struct control *t, const Containerd__Runc__V1__CheckpointOptions *o)
{
	const struct container *c = t->op.container;
	const struct runtime rt = container_runtime(c);
	_cleanup_strv_ char **argv =
		runtime_argv(&rt, "checkpoint", "--image-path", t->checkpoint->path, "--work-path", NULL);

	if (*o->work_path == '\0') {
		t->work = str_format("%s/criu-work", c->bundle);
		if (!t->work)
			return NULL;
	}
	if (!argv || strv_add(&argv, t->work ? t->work : o->work_path) < 0 || checkpoint_options(&argv, o) < 0 ||
	    strv_add(&argv, c->id) < 0)
		return NULL;
	return steal_ptr(&argv);
}

static void checkpoint_run(struct op *op)
{
	struct control *t = control_of(op);
	struct container *c = op->container;
	const Google__Protobuf__Any *any = t->checkpoint->options;
	Containerd__Runc__V1__CheckpointOptions *o;
	_cleanup_error_ struct error e = { 0 };
	char **argv;

	if (!control_allowed(t, c->init.state == PROCESS_RUNNING))
		return;
	o = containerd__runc__v1__checkpoint_options__unpack(NULL, any ? any->value.len : 0,
							     any ? any->value.data : NULL);
	if (!o) {
		error_set(&e, 0, "the options are no containerd.runc.v1.CheckpointOptions");
		control_failed(t, GRPC_INVALID_ARGUMENT, &e);
		return;
	}
	argv = checkpoint_argv(t, o);
	containerd__runc__v1__checkpoint_options__free_unpacked(o, NULL);
	control_call(t, argv, -1, checkpoint_done);
}

void task_checkpoint(struct container *c, struct call *call, const Containerd__Task__V2__CheckpointTaskRequest *r)
{
	struct control *t = control_new(c, call, checkpoint_run, "OCI runtime checkpoint failed");

	if (!t)
		return;
	call_keep_request(call);
	t->checkpoint = r;
	op_submit(&t->op);
}
