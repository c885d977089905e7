/* What happens to a container while it runs: added processes are noted, signals sent, and the runtime is asked to
 * pause, resume, update and checkpoint it. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "empty.pb-c.h"
#include "io.h"
#include "jsonr.h"
#include "log.h"
#include "reply.h"
#include "runc_options.pb-c.h"
#include "shim.h"
#include "str.h"
#include "task.h"

struct control {
	struct op op;
	void (*done)(struct control *t); /* after the runtime succeeded */
	const char *what;                /* for messages */
	/* kill */
	unsigned signal;
	bool all;
	/* checkpoint: the request's, which is kept */
	const Containerd__Task__V2__CheckpointTaskRequest *checkpoint;
	char *work; /* to be removed afterwards; NULL: the client's */
	/* update */
	int resources;
};

static struct control *control_of(struct op *op)
{
	return (struct control *)(void *)op; /* the first member */
}

static void control_free(struct op *op)
{
	struct control *t = control_of(op);

	if (t->resources >= 0)
		close(t->resources);
	free(t->work);
	free(t);
}

static void reply_empty(struct op *op)
{
	const Google__Protobuf__Empty empty = GOOGLE__PROTOBUF__EMPTY__INIT;

	op_reply(op, &empty.base);
}

static void control_end(struct control *t)
{
	reply_empty(&t->op);
	op_end(&t->op);
}

static void control_failed(struct control *t, enum grpc_status status, struct error *err)
{
	op_fail(&t->op, status, err);
	error_clear(err);
	op_end(&t->op);
}

/* Takes the arguments; NULL is no memory. */
static void control_call(struct control *t, char **argv, int input, job_fn *done)
{
	_cleanup_error_ struct error e = { 0 };

	if (op_runtime(&t->op, argv, NULL, input, true, done, &e) == 0)
		return;
	error_wrap(&e, "%s", t->what);
	control_failed(t, GRPC_UNKNOWN, &e);
}

static void called(struct job *job)
{
	struct control *t = control_of(op_of(job));
	_cleanup_error_ struct error e = { 0 };

	if (job_succeeded(job)) {
		t->done(t);
		return;
	}
	job_error(job, t->what, &e);
	control_failed(t, GRPC_UNKNOWN, &e);
}

/* Answers the call itself when there is no memory. */
static struct control *control_new(struct container *c, struct call *call, void (*run)(struct op *), const char *what)
{
	struct control *t = calloc(1, sizeof(*t));

	if (!t) {
		call_fail(call, GRPC_RESOURCE_EXHAUSTED, "out of memory");
		return NULL;
	}
	t->what = what;
	t->done = control_end;
	t->resources = -1;
	t->op = (struct op){ .container = c, .process = &c->init, .call = call, .run = run, .free = control_free };
	return t;
}

/* Whether the container is in a state that allows it; else that is the answer. */
static bool allowed(struct control *t, bool yes)
{
	struct container *c = t->op.container;
	_cleanup_error_ struct error e = { 0 };

	if (yes)
		return true;
	error_set(&e, 0, "%s: the container is %s", t->what,
		  c->init.state == PROCESS_STOPPED           ? "stopped"
			  : c->init.state == PROCESS_CREATED ? "not started"
			  : c->paused                        ? "paused"
							     : "running");
	control_failed(t, GRPC_FAILED_PRECONDITION, &e);
	return false;
}

/* --- exec: only noted, Start starts it ---------------------------------------------------------------------------- */

void task_exec(struct container *c, struct call *call, const Containerd__Task__V2__ExecProcessRequest *r)
{
	Containerd__Events__TaskExecAdded event = CONTAINERD__EVENTS__TASK_EXEC_ADDED__INIT;
	const Google__Protobuf__Empty empty = GOOGLE__PROTOBUF__EMPTY__INIT;
	struct process *p;
	struct jsonr spec;

	if (c->init.state == PROCESS_STOPPED || c->paused) {
		call_fail(call, GRPC_FAILED_PRECONDITION, "cannot exec in a %s container",
			  c->paused ? "paused" : "stopped");
		return;
	}
	if (!r->spec || jsonr_parse((const char *)r->spec->value.data, r->spec->value.len, &spec, NULL) < 0 ||
	    spec.type != JSONR_OBJECT) {
		call_fail(call, GRPC_INVALID_ARGUMENT,
			  "exec %s: spec is no process of the OCI runtime specification in JSON", r->exec_id);
		return;
	}
	p = process_new(c, r->exec_id, r->stdin, r->stdout, r->stderr, r->terminal);
	if (!p || buf_add(&p->spec, r->spec->value.data, r->spec->value.len) < 0) {
		if (p)
			process_free(p);
		call_fail(call, GRPC_RESOURCE_EXHAUSTED, "out of memory");
		return;
	}
	event.container_id = c->id;
	event.exec_id = p->id;
	publish(&c->shim->publisher, "/tasks/exec-added", &event.base);
	call_reply(call, &empty.base);
}

/* --- kill --------------------------------------------------------------------------------------------------------- */

/* Without the runtime. */
static enum grpc_status signal_send(const struct process *p, unsigned signo, struct error *err)
{
	if (p->pid == 0) {
		error_set(err, 0, "process not created");
		return GRPC_FAILED_PRECONDITION;
	}
	/* As long as it has not been reaped here, the number is its own. */
	if (p->ended || (kill(p->pid, (int)signo) < 0 && errno == ESRCH)) {
		error_set(err, 0, "process already finished");
		return GRPC_NOT_FOUND;
	}
	return GRPC_OK;
}

static void killed(struct job *job)
{
	struct control *t = control_of(op_of(job));
	_cleanup_error_ struct error e = { 0 };

	if (job_succeeded(job)) {
		control_end(t);
		return;
	}
	job_error(job, t->what, &e);
	/* The one case that clients tell apart. The runtime says it in words only. */
	if (t->op.container->init.ended || strstr(error_text(&e), "not running") ||
	    strstr(error_text(&e), "no such process") || strstr(error_text(&e), "already finished") ||
	    strstr(error_text(&e), "does not exist")) {
		error_set(&e, 0, "process already finished");
		control_failed(t, GRPC_NOT_FOUND, &e);
		return;
	}
	control_failed(t, GRPC_UNKNOWN, &e);
}

static void kill_run(struct op *op)
{
	struct control *t = control_of(op);
	struct container *c = op->container;
	const struct runtime rt = container_runtime(c);
	_cleanup_error_ struct error e = { 0 };
	enum grpc_status status;
	char number[16];

	if (!t->all && !c->paused) {
		status = signal_send(&c->init, t->signal, &e);
		if (status == GRPC_OK)
			control_end(t);
		else
			control_failed(t, status, &e);
		return;
	}
	snprintf(number, sizeof(number), "%u", t->signal);
	control_call(t,
		     t->all ? runtime_argv(&rt, "kill", "--all", c->id, number, NULL)
			    : runtime_argv(&rt, "kill", c->id, number, NULL),
		     -1, killed);
}

void task_kill(struct process *p, struct call *call, unsigned signo, bool all)
{
	struct container *c = p->container;
	const Google__Protobuf__Empty empty = GOOGLE__PROTOBUF__EMPTY__INIT;
	_cleanup_error_ struct error e = { 0 };
	enum grpc_status status;
	struct control *t;

	if (signo >= NSIG) {
		call_fail(call, GRPC_INVALID_ARGUMENT, "signal %u", signo);
		return;
	}
	/* The kernel kills the others of a PID namespace with its first process. */
	if (!process_is_init(p) || (signo == SIGKILL && c->private_pids))
		all = false;
	/* A frozen process dies only when it is thawed, which the runtime knows how to do. */
	if (process_is_init(p) && !p->ended && (all || (signo == SIGKILL && (c->paused || c->pausing)))) {
		t = control_new(c, call, kill_run, "OCI runtime kill failed");
		if (t) {
			t->signal = signo;
			t->all = all;
			op_submit(&t->op);
		}
		return;
	}
	status = signal_send(p, signo, &e);
	if (status == GRPC_OK)
		call_reply(call, &empty.base);
	else
		call_fail(call, status, "%s", error_text(&e));
}

/* --- pause and resume --------------------------------------------------------------------------------------------- */

static void paused(struct job *job)
{
	struct control *t = control_of(op_of(job));
	struct container *c = t->op.container;
	Containerd__Events__TaskPaused event = CONTAINERD__EVENTS__TASK_PAUSED__INIT;

	c->pausing = false;
	if (job_succeeded(job) && c->init.state == PROCESS_RUNNING) {
		c->paused = true;
		event.container_id = c->id;
		publish(&c->shim->publisher, "/tasks/paused", &event.base);
	}
	called(job);
}

static void pause_run(struct op *op)
{
	struct control *t = control_of(op);
	struct container *c = op->container;
	const struct runtime rt = container_runtime(c);

	if (!allowed(t, c->init.state == PROCESS_RUNNING && !c->paused))
		return;
	c->pausing = true;
	control_call(t, runtime_argv(&rt, "pause", c->id, NULL), -1, paused);
	/* When the call could not be made, `t` is gone; the container is not. */
	if (!c->exclusive)
		c->pausing = false;
}

void task_pause(struct container *c, struct call *call)
{
	struct control *t = control_new(c, call, pause_run, "OCI runtime pause failed");

	if (t)
		op_submit(&t->op);
}

static void resumed(struct control *t)
{
	struct container *c = t->op.container;
	Containerd__Events__TaskResumed event = CONTAINERD__EVENTS__TASK_RESUMED__INIT;

	if (c->paused) {
		c->paused = false;
		event.container_id = c->id;
		publish(&c->shim->publisher, "/tasks/resumed", &event.base);
	}
	control_end(t);
}

static void resume_run(struct op *op)
{
	struct control *t = control_of(op);
	struct container *c = op->container;
	const struct runtime rt = container_runtime(c);

	t->done = resumed;
	if (allowed(t, c->init.state == PROCESS_RUNNING && c->paused))
		control_call(t, runtime_argv(&rt, "resume", c->id, NULL), -1, called);
}

void task_resume(struct container *c, struct call *call)
{
	struct control *t = control_new(c, call, resume_run, "OCI runtime resume failed");

	if (t)
		op_submit(&t->op);
}

/* --- update ------------------------------------------------------------------------------------------------------- */

static void update_run(struct op *op)
{
	struct control *t = control_of(op);
	struct container *c = op->container;
	const struct runtime rt = container_runtime(c);

	if (allowed(t, c->init.state != PROCESS_STOPPED))
		control_call(t, runtime_argv(&rt, "update", "--resources", "-", c->id, NULL), t->resources, called);
}

void task_update(struct container *c, struct call *call, const Containerd__Task__V2__UpdateTaskRequest *r)
{
	struct jsonr doc;
	struct control *t;

	if (!r->resources ||
	    jsonr_parse((const char *)r->resources->value.data, r->resources->value.len, &doc, NULL) < 0 ||
	    doc.type != JSONR_OBJECT) {
		call_fail(call, GRPC_INVALID_ARGUMENT, "resources are none of the OCI runtime specification in JSON");
		return;
	}
	t = control_new(c, call, update_run, "OCI runtime update failed");
	if (!t)
		return;
	t->resources = memfd_create("resources", MFD_CLOEXEC);
	if (t->resources < 0 || io_write(t->resources, r->resources->value.data, r->resources->value.len) < 0 ||
	    lseek(t->resources, 0, SEEK_SET) < 0) {
		call_fail(call, GRPC_RESOURCE_EXHAUSTED, "resources: %s", strerror(errno));
		control_free(&t->op);
		return;
	}
	op_submit(&t->op);
}

/* --- checkpoint --------------------------------------------------------------------------------------------------- */

/* What criu has to say is in its log, which is kept when it failed. */
static void checkpointed(struct job *job)
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
	called(job);
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

	if (!allowed(t, c->init.state == PROCESS_RUNNING))
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
	control_call(t, argv, -1, checkpointed);
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
