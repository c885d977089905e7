/* What a task tells the supervisor of its end, with what is forgotten then. */
#include "task_private.h"

void task_report_start_failed(struct engine_task *t)
{
	struct error why = t->why;

	t->why = (struct error){ 0 };
	t->state = TASK_IDLE;
	t->failing = false;
	task_process_forget(t);
	task_events(t)->start_failed(t->container, &why);
	error_clear(&why);
}

void task_report_exited(struct engine_task *t)
{
	t->state = TASK_IDLE;
	task_process_forget(t);
	shim_wait_cancel(&t->shim);
	t->ended = false;
	task_events(t)->exited(t->container, t->code);
}

void task_report_removed(struct engine_task *t)
{
	t->state = TASK_IDLE;
	t->wish = WISH_NONE;
	t->made = t->unrecorded = false;
	task_events(t)->removed(t->container);
}
