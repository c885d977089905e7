/* What the stand-in has made becomes containerd's: it has the task already, and gets the container.
 *
 *   IDLE -> RECORD -- done --> IDLE, or what was wished for meanwhile
 *             |   ^
 *      exists v   | once
 *          RECORD_OLD
 *
 * This goes on while a service runs, or waits to be started again. A start or a removal that comes meanwhile is a wish:
 * its own call would take the place of the one that is under way. A signal goes to the process at once. */
#include "log.h"
#include "spec.h"
#include "task_private.h"

static void wish_grant(struct engine_task *t)
{
	enum task_wish wish = t->wish;

	t->wish = WISH_NONE;
	if (wish == WISH_START) {
		task_start(t);
	} else if (wish == WISH_REMOVE) {
		t->made = false;
		task_enter(t, TASK_REMOVE);
	} else {
		task_process_consider(t);
	}
}

static void record_end(struct engine_task *t)
{
	_cleanup_free_ char *dir = task_bundle_path(t);

	t->unrecorded = t->cleaned = false;
	t->state = TASK_IDLE;
	shim_watch_end(&t->shim_watch); /* containerd has a connection to it, too */
	if (dir)
		task_bundle_recorded(dir);
	wish_grant(t);
}

void task_record_ask(struct engine_task *t)
{
	_cleanup_error_ struct error err = { 0 };
	_cleanup_free_ char *spec = spec_read(t->container->bundle->path, &err);

	if (spec) {
		ask_container_create(t->engine, &t->call, task_namespace(t), task_name(t), spec);
		return;
	}
	log_warn("%s", error_text(&err));
	record_end(t);
}

void task_record_answered(struct engine_task *t, enum grpc_status status, const char *message)
{
	if (status == GRPC_ALREADY_EXISTS && !t->cleaned) {
		task_enter(t, TASK_RECORD_OLD);
		return;
	}
	if (status != GRPC_OK)
		log_warn("%s: containerd: %s", task_name(t), message);
	record_end(t);
}

/* Of an earlier boot: its specification may be another. */
void task_record_old_answered(struct engine_task *t, enum grpc_status status, const char *message)
{
	(void)status;
	(void)message;
	t->cleaned = true;
	task_enter(t, TASK_RECORD);
}
