/* What the kernel kills of a service for want of memory is counted, and named on the console, once a second at most:
 *
 *     a kill -> named at once; for a second others are only counted -> those are named together, and so on
 *
 * The pause outlasts the run, so that a service which is started again and again says no more than another. */
#include "service_private.h"

#include <inttypes.h>
#include <unistd.h>

#include "cgroup.h"
#include "log.h"
#include "str.h"

enum { PAUSE_US = 1000 * 1000 };

static void kills_name(struct service *s)
{
	char what[48] = "a process was killed";

	if (s->oom_unnamed > 1)
		snprintf(what, sizeof(what), "%" PRIu64 " processes were killed", s->oom_unnamed);
	if (s->memory_limit)
		log_error("%s: out of memory: %s (limit %.1f MiB)", s->name, what, (double)s->memory_limit / 1048576);
	else
		log_error("%s: out of memory: %s (no limit of its own: the machine is full)", s->name, what);
	s->oom_unnamed = 0;
	service_save(s);
	/* Without memory for a timer each is named. */
	loop_timer_after(s->site->host->loop, &s->oom_pause, PAUSE_US, NULL);
}

static void pause_ended(struct loop_timer *timer)
{
	struct service *s = timer->data;

	if (s->oom_unnamed > 0)
		kills_name(s);
}

static void memory_wanted(struct oom_watch *w)
{
	struct service *s = w->data;

	s->starved = true;
	s->oom_kills += w->fresh;
	s->oom_unnamed += w->fresh;
	if (!loop_timer_armed(&s->oom_pause))
		kills_name(s);
}

void service_watch_memory(struct service *s)
{
	_cleanup_free_ char *dir = cgroup_memory_of(s->pid), *own = cgroup_memory_of(getpid());

	s->starved = false;
	/* One without a group of its own is in ours, one that has ended already in the root. */
	if (!dir || !own || str_eq(dir, own) || str_ends(dir, "/"))
		return;
	s->memory_limit = cgroup_memory_limit(dir);
	if (!s->oom_pause.fn)
		s->oom_pause = (struct loop_timer){ .fn = pause_ended, .data = s };
	/* Without the controller there is nothing to be seen. */
	oom_watch_start(&s->oom, s->site->host->loop, dir, cgroup_unified(), memory_wanted, s, NULL);
}
