#include "adopt.h"

#include <errno.h>
#include <unistd.h>

#include "container.h"
#include "log.h"
#include "pid_file.h"
#include "reply.h"
#include "shim.h"

int process_adopt(struct process *p, const char *pid_file, struct error *err)
{
	pid_t pid;
	int r = pid_file_read(pid_file, &pid, err);

	if (!process_is_init(p))
		(void)unlink(pid_file); /* goes with the bundle at the latest */
	if (r < 0)
		return error_wrap(err, "process id from the runtime");
	if (ending_watch(p, pid, err) < 0)
		return error_wrap(err, "what the runtime started");
	return 0;
}

static void oom_seen(struct oom_watch *w)
{
	struct container *c = w->data;
	Containerd__Events__TaskOOM event = CONTAINERD__EVENTS__TASK_OOM__INIT;

	event.container_id = c->id;
	publish(&c->shim->publisher, "/tasks/oom", &event.base);
}

static void oom_look(struct container *c)
{
	const char *dir = cgroups_dir(&c->cgroups, "memory");
	_cleanup_error_ struct error e = { 0 };

	if (dir && oom_watch_start(&c->oom, c->shim->loop, dir, c->cgroups.unified, oom_seen, c, &e) < 0)
		log_warn("%s: %s", c->id, error_text(&e));
}

void container_join_cgroups(struct container *c)
{
	_cleanup_cgroups_ struct cgroups own = { 0 };
	_cleanup_error_ struct error e = { 0 };

	if (cgroups_of(c->init.pid, &c->cgroups, &e) < 0 || cgroups_of(getpid(), &own, &e) < 0) {
		log_warn("%s: %s", c->id, error_text(&e));
		return;
	}
	/* One that has ended already is in the root; one without groups of its own is in ours. Neither is to be
	 * counted, watched or killed as if it were the container. */
	if (!cgroups_apart(&c->cgroups, &own))
		cgroups_clear(&c->cgroups);
	else
		oom_look(c);
}
