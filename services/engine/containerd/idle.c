#include "idle.h"

#include <fcntl.h>

#include "io.h"
#include "str.h"
#include "task.h"

void idle_begin(struct containerd *e)
{
	if (e->idle && e->open && gate_is_quiet(&e->gate))
		loop_timer_after(e->engine.host->loop, &e->unused, e->idle, NULL);
}

/* Whoever has made them wants to find them. */
static bool others_have_tasks(const struct containerd *e)
{
	_cleanup_strv_ char **spaces = dir_names(AT_FDCWD, e->state, false, NULL);

	for (char **space = spaces; space && *space; space++) {
		_cleanup_free_ char *dir = str_format("%s/%s", e->state, *space);
		_cleanup_strv_ char **names = dir ? dir_names(AT_FDCWD, dir, false, NULL) : NULL;

		if (!dir)
			return true; /* for all we know */
		for (char **name = names; name && *name; name++)
			if (!tasks_have(e, *space, *name))
				return true;
	}
	return false;
}

void idle_over(struct loop_timer *timer)
{
	struct containerd *e = timer->data;

	if (!e->open || !gate_is_quiet(&e->gate) || e->engine.host->stopping)
		return;
	if (others_have_tasks(e)) {
		idle_begin(e);
		return;
	}
	e->resting = true;
	tasks_break_off(e);
	containerd_look(e);
}
