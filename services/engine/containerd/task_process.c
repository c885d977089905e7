/* A container's first process is watched by a pidfd, and its shim by a connection, both without containerd: it may be
 * away, or never have been there. */
#include <signal.h>

#include "log.h"
#include "process.h"
#include "str.h"
#include "task_private.h"

void task_process_forget(struct engine_task *t)
{
	shim_watch_end(&t->shim_watch);
	loop_io_remove(&t->process);
	cleanup_close(&t->process.fd);
	t->process.fd = -1;
	t->pid = 0;
}

char *task_bundle_path(const struct engine_task *t)
{
	return str_format("%s/%s/%s", t->engine->state, task_namespace(t), task_name(t));
}

static void shim_gone(void *data)
{
	struct engine_task *t = data;

	log_warn("%s: its shim has ended; ending the container", task_name(t));
	if (t->process.fd >= 0)
		process_signal(t->process.fd, SIGKILL, NULL); /* gone already: its end is on the way */
}

void task_shim_keep(struct engine_task *t)
{
	_cleanup_free_ char *dir = t->engine->alone ? task_bundle_path(t) : NULL;

	t->shim_watch.gone = shim_gone;
	t->shim_watch.data = t;
	if (dir && shim_watch_begin(&t->shim_watch, task_host(t)->loop, dir) < 0)
		shim_gone(t);
}

static void shim_said(struct shim_wait *w, int code)
{
	struct engine_task *t = w->data;

	t->code = code;
}

void task_shim_ask(struct engine_task *t)
{
	_cleanup_free_ char *dir = task_bundle_path(t);

	t->shim.done = shim_said;
	t->shim.data = t;
	if (dir)
		shim_wait_begin(&t->shim, task_host(t)->loop, dir, task_name(t));
}

int task_process_watch(struct engine_task *t, pid_t pid, loop_io_fn *ended, struct error *err)
{
	task_process_forget(t);
	t->process = (struct loop_io){ .fd = process_open(pid, err), .events = EPOLLIN, .fn = ended, .data = t };
	if (t->process.fd < 0 || loop_io_add(task_host(t)->loop, &t->process, err) < 0)
		return -1;
	t->pid = pid;
	t->ended = false;
	return 0;
}
