/* Create: options and mounts, standard streams, `runtime create`, and all of it undone when a step fails.
 *
 *     create_run() -> options_take(), mounts_make() -> streams_prepare() -> streams_ready()
 *         -> runtime_done() -> [console_came()] -> create_adopt() -> create_done(): the answer
 *     a step fails: create_failed() -> removal -> create_undone(): the error as the answer, the container goes
 *
 * A container that is to be restored from a checkpoint is only prepared here: its runtime call is made by Start. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adopt.h"
#include "container.h"
#include "exit_record.h"
#include "log.h"
#include "ptysock.h"
#include "removal.h"
#include "reply.h"
#include "rootfs.h"
#include "shim.h"
#include "str.h"
#include "task.h"

struct create {
	struct op op;
	const Containerd__Task__V2__CreateTaskRequest *request; /* the call's */
	struct ptysock console;
	struct error failure;
	struct bundle_config config;
	bool ran;               /* the runtime */
	struct removal removal; /* of what was made until a step failed */
};

static struct create *create_of(struct op *op)
{
	return (struct create *)(void *)op; /* the first member */
}

static void create_free(struct op *op)
{
	struct create *t = create_of(op);

	ptysock_close(&t->console);
	error_clear(&t->failure);
	bundle_config_clear(&t->config);
	removal_drop(&t->removal);
	free(t);
}

/* --- undoing ---------------------------------------------------------------------------------------------------- */

static void create_undone(struct removal *r)
{
	struct create *t = r->data;

	op_fail(&t->op, GRPC_UNKNOWN, &t->failure);
	t->op.container->ops.closing = true;
	op_end(&t->op);
}

/* Takes the error. */
static void create_failed(struct create *t, struct error *err)
{
	struct container *c = t->op.container;

	error_move(&t->failure, err);
	streams_close(&c->init.streams);
	t->removal.data = t;
	/* A runtime that says that it has failed has cleaned up behind itself. */
	if (t->ran && (job_was_killed(&t->op.job) || job_succeeded(&t->op.job))) {
		if (c->init.pid > 0)
			container_abandon(c);
		removal_start(&t->removal, c, t->config.cgroups_path, create_undone);
		return;
	}
	removal_mounts(&t->removal, c, create_undone);
}

/* --- the end ------------------------------------------------------------------------------------------------------ */

static void create_done(struct create *t)
{
	struct container *c = t->op.container;
	const Containerd__Task__V2__CreateTaskRequest *r = t->request;
	Containerd__Task__V2__CreateTaskResponse response = CONTAINERD__TASK__V2__CREATE_TASK_RESPONSE__INIT;
	Containerd__Events__TaskCreate event = CONTAINERD__EVENTS__TASK_CREATE__INIT;
	Containerd__Events__TaskIO io = CONTAINERD__EVENTS__TASK_IO__INIT;

	io.stdin = r->stdin;
	io.stdout = r->stdout;
	io.stderr = r->stderr;
	io.terminal = r->terminal;
	event.container_id = r->id;
	event.bundle = r->bundle;
	event.n_rootfs = r->n_rootfs;
	event.rootfs = r->rootfs;
	event.io = &io;
	event.checkpoint = r->checkpoint;
	event.pid = response.pid = (uint32_t)c->init.pid;
	publish(&c->shim->publisher, "/tasks/create", &event.base);
	c->created = true;
	c->init.told = true;
	c->init.starting = false;
	op_reply(&t->op, &response.base);
	ending_settle(&c->init);
	op_end(&t->op);
}

static void create_adopt(struct create *t)
{
	struct container *c = t->op.container;
	_cleanup_free_ char *pid_file = str_format("%s/init.pid", c->bundle);
	_cleanup_error_ struct error e = { 0 };

	if (!pid_file)
		error_set(&e, ENOMEM, "container");
	else if (process_adopt(&c->init, pid_file, &e) == 0) {
		container_join_cgroups(c);
		create_done(t);
		return;
	}
	create_failed(t, &e);
}

/* --- the runtime -------------------------------------------------------------------------------------------------- */

static void console_came(struct ptysock *console, int master, const struct error *err)
{
	struct create *t = console->data;
	_cleanup_error_ struct error e = { 0 };

	if (err)
		error_set(&e, 0, "%s", error_text(err));
	else if (streams_start_console(&t->op.container->init.streams, master, &e) == 0) {
		create_adopt(t);
		return;
	}
	create_failed(t, &e);
}

static void runtime_done(struct job *job)
{
	struct create *t = create_of(op_of(job));
	struct container *c = t->op.container;
	_cleanup_error_ struct error e = { 0 };

	if (!job_succeeded(job)) {
		job_error(job, "OCI runtime create failed", &e);
		create_failed(t, &e);
	} else if (t->request->terminal) {
		ptysock_wait(&t->console, console_came, t);
	} else {
		if (streams_start(&c->init.streams, &e) < 0)
			log_warn("%s: %s", c->id, error_text(&e)); /* it runs, but with less than it should have */
		create_adopt(t);
	}
}

static char **create_argv(const struct create *t)
{
	const struct container *c = t->op.container;
	const struct runtime rt = container_runtime(c);
	_cleanup_strv_ char **argv = runtime_argv(&rt, "create", "--bundle", c->bundle, "--pid-file", NULL);
	bool good = argv && strv_addf(&argv, "%s/init.pid", c->bundle) == 0;

	if (good && t->request->terminal)
		good = strv_add(&argv, "--console-socket") == 0 && strv_add(&argv, ptysock_path(&t->console)) == 0;
	if (good && c->options.no_pivot_root)
		good = strv_add(&argv, "--no-pivot") == 0;
	if (good && c->options.no_new_keyring)
		good = strv_add(&argv, "--no-new-keyring") == 0;
	return good && strv_add(&argv, c->id) == 0 ? steal_ptr(&argv) : NULL;
}

static void streams_ready(struct streams *s, const struct error *why)
{
	struct create *t = s->data;
	struct container *c = t->op.container;
	bool terminal = t->request->terminal;
	_cleanup_error_ struct error e = { 0 };

	/* The container's program comes with Start: what is written before is the runtime's. */
	t->op.heard = terminal ? NULL : streams_outputs(s);
	if (why)
		error_set(&e, 0, "%s", error_text(why));
	else if (!c->checkpoint && terminal && ptysock_open(&t->console, c->shim->loop, c->bundle, "init", &e) < 0)
		error_wrap(&e, "terminal");
	else if (c->checkpoint) {
		create_done(t); /* the rest is up to Start */
		return;
	} else if (op_runtime(&t->op, create_argv(t), terminal ? NULL : s->child, -1, false, runtime_done, &e) == 0) {
		t->ran = true;
		return;
	} else {
		error_wrap(&e, "OCI runtime create failed");
	}
	create_failed(t, &e);
}

/* --- the beginning ------------------------------------------------------------------------------------------------ */

static int mounts_make(struct create *t, struct error *err)
{
	struct container *c = t->op.container;

	if (t->request->n_rootfs == 0)
		return 0;
	c->rootfs = str_format("%s/rootfs", c->bundle);
	if (!c->rootfs)
		return error_set(err, ENOMEM, "container");
	if (mkdir(c->rootfs, 0711) < 0 && errno != EEXIST)
		return error_set(err, errno, "%s", c->rootfs);
	if (rootfs_mount(c->rootfs, t->request->rootfs, t->request->n_rootfs, err) < 0)
		return error_wrap(err, "failed to mount rootfs component");
	return 0;
}

static int options_take(struct create *t, struct error *err)
{
	struct container *c = t->op.container;
	_cleanup_strv_ char **unknown = NULL;

	if (bundle_options_read(t->request->options, c->shim->namespace, &c->options, &unknown, err) < 0)
		return -1;
	for (char **u = unknown; u && *u; u++)
		log_warn("%s: there is no runtime option %s", c->id, *u);
	c->streams_owner = (struct streams_owner){
		.loop = c->shim->loop,
		.reaper = &c->shim->reaper,
		.id = c->id,
		.namespace = c->shim->namespace,
		.uid = c->options.io_uid,
		.gid = c->options.io_gid,
	};
	if (bundle_config_read(c->bundle, &t->config, err) < 0)
		return -1;
	c->private_pids = t->config.own_pid_namespace;
	return bundle_options_save(c->bundle, &c->options, err);
}

static void create_run(struct op *op)
{
	struct create *t = create_of(op);
	struct container *c = op->container;
	_cleanup_error_ struct error e = { 0 };

	c->init.starting = true;
	exit_record_forget(c->bundle);
	cgroups_warm();
	if (options_take(t, &e) < 0 || mounts_make(t, &e) < 0) {
		create_failed(t, &e);
		return;
	}
	c->init.streams.data = t;
	streams_prepare(&c->init.streams, &c->streams_owner, &c->init.paths, streams_ready);
}

static bool text_copied(char **to, const char *from)
{
	return *from == '\0' || (*to = strdup(from));
}

void task_create(struct shim *shim, struct call *call, const Containerd__Task__V2__CreateTaskRequest *r)
{
	struct create *t = calloc(1, sizeof(*t));
	_cleanup_error_ struct error e = { 0 };
	struct container *c = t ? container_new(shim, r->id, r->bundle, &e) : NULL;

	if (!c) {
		free(t);
		call_fail(call, GRPC_RESOURCE_EXHAUSTED, "out of memory");
		return;
	}
	if (process_init(&c->init, c, r->id, r->stdin, r->stdout, r->stderr, r->terminal) < 0 ||
	    !text_copied(&c->checkpoint, r->checkpoint) || !text_copied(&c->parent_checkpoint, r->parent_checkpoint)) {
		container_free(c);
		free(t);
		call_fail(call, GRPC_RESOURCE_EXHAUSTED, "out of memory");
		return;
	}
	call_keep_request(call);
	ptysock_init(&t->console);
	t->request = r;
	t->op = (struct op){
		.container = c, .process = &c->init, .call = call, .run = create_run, .free = create_free
	};
	op_submit(&t->op);
}
