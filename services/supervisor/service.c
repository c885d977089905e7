#include "service_private.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "backoff.h"
#include "list.h"
#include "log.h"
#include "report.h"
#include "str.h"

enum {
	START_US = 120 * 1000 * 1000, /* a runtime that takes longer hangs */
	KILL_US = 10 * 1000 * 1000,   /* between two KILLs */
};

static void timer_fired(struct loop_timer *timer);

struct service *service_new(struct service_site *site, const char *name, const char *path, struct error *err)
{
	struct service *s = calloc(1, sizeof(*s));

	if (s)
		*s = (struct service){
			.site = site, .engine = site->engine, .name = strdup(name), .path = strdup(path), .code = -1
		};
	if (!s || !s->name || !s->path) {
		service_free(s);
		error_set(err, ENOMEM, "%s", name);
		return NULL;
	}
	s->container = (struct engine_container){ .name = s->name, .bundle = &s->bundle, .capture = &s->capture };
	s->timer = (struct loop_timer){ .fn = timer_fired, .data = s };
	if (service_load(s, err) < 0)
		s->state = SERVICE_FAILED;
	return s;
}

/* Last, when all else that is saved has been set. */
static void state_set(struct service *s, enum service_state state)
{
	s->site->starting -= s->state == SERVICE_STARTING;
	s->site->starting += state == SERVICE_STARTING;
	s->state = state;
	loop_timer_disarm(&s->timer);
	service_save(s);
}

/* Without memory for a timer the state has to do without its end. */
static void timer_arm(struct service *s, uint64_t us)
{
	loop_timer_after(s->site->host->loop, &s->timer, us, NULL);
}

static struct service *service_of(struct engine_container *c)
{
	return list_entry(c, struct service, container);
}

static void changed_tell(struct service *s)
{
	s->site->changed(s, s->site->data);
}

/* --- up ------------------------------------------------------------------------------------------------- */

static void service_became_ready(void *data)
{
	struct service *s = data;
	bool first = !s->reported;

	s->reported = true;
	state_set(s, SERVICE_RUNNING);
	if (first) {
		/* The report only informs: a full /run stops no service. */
		report_step("services", s->name, s->begun, report_now(), REPORT_NO_STATUS, NULL);
		report_publish(NULL);
	}
	changed_tell(s);
}

static void start_now(struct service *s)
{
	_cleanup_error_ struct error err = { 0 };

	state_set(s, SERVICE_STARTING);
	s->late = false;
	if (service_prepare(s, &err) < 0) {
		service_start_failed(&s->container, &err);
		return;
	}
	if (!s->taken)
		capture_begin(&s->capture);
	ready_arm(&s->ready,
		  &(struct ready_subject){ .loop = s->site->host->loop,
					   .policy = &s->policy,
					   .capture = &s->capture,
					   .engine = s->engine,
					   .container = &s->container,
					   .done = service_became_ready,
					   .data = s });
	if (s->taken) {
		s->engine->ops->adopt(s->engine, &s->container);
	} else {
		timer_arm(s, START_US);
		s->engine->ops->start(s->engine, &s->container);
	}
}

void service_consider(struct service *s)
{
	if (s->state == SERVICE_WAITING && s->site->may_start(s, s->site->data))
		start_now(s);
}

static void wait_turn(struct service *s)
{
	state_set(s, SERVICE_WAITING);
	changed_tell(s);
}

void service_start(struct service *s)
{
	s->wanted = true;
	switch (s->state) {
	case SERVICE_STOPPING:
		s->again = true;
		service_save(s);
		return;
	case SERVICE_STOPPED:
	case SERVICE_BACKOFF:
	case SERVICE_ENDED:
	case SERVICE_FAILED:
		s->begun = report_now();
		s->restarts = 0;
		s->oom_kills = 0;
		s->delay = 0;
		wait_turn(s);
		return;
	default:
		return;
	}
}

void service_resume(struct service *s, const struct saved *m)
{
	s->saved = true;
	s->wanted = m->wanted;
	s->again = m->again;
	s->prepared = m->prepared;
	s->reported = m->reported;
	s->restarts = m->restarts;
	s->oom_kills = m->oom_kills;
	s->delay = m->delay;
	s->code = m->code;
	s->begun = report_now();
	switch (m->state) {
	case SERVICE_STOPPED:
		if (m->again)
			service_start(s);
		return;
	case SERVICE_WAITING:
		wait_turn(s);
		return;
	case SERVICE_BACKOFF:
		state_set(s, SERVICE_BACKOFF);
		timer_arm(s, s->delay);
		return;
	case SERVICE_ENDED:
	case SERVICE_FAILED:
		state_set(s, m->state);
		changed_tell(s);
		return;
	default:
		s->started = m->started;
		s->pid = m->pid;
		s->taken = true;
		s->unproven = m->state == SERVICE_CHECKING;
		s->unstarted = m->state == SERVICE_STARTING;
		start_now(s);
	}
}

static void stop_process(struct service *s)
{
	state_set(s, SERVICE_STOPPING);
	ready_end(&s->ready);
	timer_arm(s, s->policy.stop_us);
	s->engine->ops->kill(s->engine, &s->container, s->policy.stop_signal);
}

void service_started(struct engine_container *c, pid_t pid)
{
	struct service *s = service_of(c);
	bool unwanted = s->state == SERVICE_STOPPING || !s->wanted || s->again;
	bool ready = s->taken ? !s->unproven : s->policy.ready == POLICY_READY_STARTED;

	s->pid = pid;
	service_watch_memory(s);
	if (!s->taken)
		s->started = report_now();
	s->taken = s->unproven = s->unstarted = false;
	if (unwanted) {
		stop_process(s);
	} else if (ready) {
		service_became_ready(s);
	} else {
		state_set(s, SERVICE_CHECKING);
		timer_arm(s, s->policy.ready_us);
		ready_begin(&s->ready, pid);
		changed_tell(s);
	}
}

/* --- down ------------------------------------------------------------------------------------------------- */

static void remove_container(struct service *s)
{
	state_set(s, SERVICE_STOPPING);
	s->engine->ops->remove(s->engine, &s->container);
}

void service_removed(struct engine_container *c)
{
	struct service *s = service_of(c);

	if (s->prepared)
		prepare_undo(&s->bundle);
	s->prepared = false;
	s->broken = true;
	state_set(s, SERVICE_STOPPED);
	if (s->again && !s->site->host->stopping) {
		s->again = false;
		service_start(s);
	} else {
		changed_tell(s);
	}
}

static void back_off(struct service *s)
{
	s->restarts++;
	state_set(s, SERVICE_BACKOFF);
	timer_arm(s, s->delay);
	changed_tell(s);
}

/* What follows an end. what: how it ended, for the console, NULL where that was as it should be. */
static void end_follow(struct service *s, bool failed, const char *what)
{
	bool restarts =
		s->policy.restart == POLICY_RESTART_ALWAYS || (failed && s->policy.restart != POLICY_RESTART_NO);
	uint64_t ran = s->pid ? report_now() - s->started : 0;

	s->pid = 0;
	oom_watch_stop(&s->oom);
	s->taken = s->unproven = s->unstarted = false;
	ready_end(&s->ready);
	prepare_release(&s->bundle);
	s->ended = report_now();
	if (!s->wanted || s->again || s->site->host->stopping) {
		if (s->site->host->stopping)
			service_removed(&s->container);
		else
			remove_container(s);
		return;
	}
	s->delay = backoff_after(&backoff_restart, s->delay, ran);
	if (what && restarts)
		log_error("%s: %s; starting it again in %.1f s", s->name, what, (double)s->delay / 1e6);
	else if (what)
		log_error("%s: %s", s->name, what);
	if (what)
		service_last_words(s);
	if (restarts) {
		back_off(s);
		return;
	}
	state_set(s, failed ? SERVICE_FAILED : SERVICE_ENDED);
	changed_tell(s);
}

/* Whether the supervisor before this one had not come to start it, after all: nothing has failed or ended then. */
static bool begins_anew(struct service *s)
{
	if (!s->unstarted || !s->wanted || s->again || s->site->host->stopping)
		return false;
	s->taken = s->unstarted = false;
	s->pid = 0;
	ready_end(&s->ready);
	prepare_release(&s->bundle);
	wait_turn(s);
	return true;
}

void service_start_failed(struct engine_container *c, const struct error *why)
{
	struct service *s = service_of(c);
	_cleanup_free_ char *what = str_format("cannot be started: %s", error_text(why));

	if (begins_anew(s))
		return;
	capture_drain(&s->capture);
	s->code = -1;
	end_follow(s, true, what ? what : "cannot be started");
}

void service_ending(struct engine_container *c)
{
	struct service *s = service_of(c);

	oom_watch_check(&s->oom); /* the notice may come later than the end */
}

void service_exited(struct engine_container *c, int code)
{
	struct service *s = service_of(c);
	char what[64];

	if (code < 0 && begins_anew(s))
		return;
	capture_drain(&s->capture);
	service_ending(c);
	s->code = code;
	if (code < 0)
		strcpy(what, "ended, its exit status was lost");
	else if (code > 128 && code <= 128 + 64)
		snprintf(what, sizeof(what), "killed by signal %d (exit status %d%s)", code - 128, code,
			 s->starved && code == 128 + SIGKILL ? ", out of memory" : "");
	else
		snprintf(what, sizeof(what), "exit status %d", code);
	/* One that was not ready in time has been complained about already. */
	end_follow(s, code != 0 || s->late, code == 0 || s->late ? NULL : what);
}

void service_stop(struct service *s)
{
	s->wanted = false;
	s->again = false;
	switch (s->state) {
	case SERVICE_STOPPED:
	case SERVICE_STOPPING:
		service_save(s);
		return;
	case SERVICE_STARTING:
		state_set(s, SERVICE_STOPPING);
		timer_arm(s, KILL_US);
		s->engine->ops->kill(s->engine, &s->container, SIGKILL);
		return;
	case SERVICE_CHECKING:
	case SERVICE_RUNNING:
		stop_process(s);
		return;
	default:
		if (s->site->host->stopping)
			service_removed(&s->container);
		else
			remove_container(s);
	}
}

void service_restart(struct service *s)
{
	if (s->state == SERVICE_STOPPED || s->state == SERVICE_WAITING) {
		service_start(s);
		return;
	}
	service_stop(s);
	if (s->state == SERVICE_STOPPED) {
		service_start(s);
	} else {
		s->again = s->wanted = true;
		service_save(s);
	}
}

static void timer_fired(struct loop_timer *timer)
{
	struct service *s = timer->data;

	switch (s->state) {
	case SERVICE_STARTING:
		log_error("%s: does not start within %d s", s->name, START_US / 1000000);
		timer_arm(s, KILL_US);
		s->engine->ops->kill(s->engine, &s->container, SIGKILL);
		break;
	case SERVICE_CHECKING:
		log_error("%s: not ready within %.1f s", s->name, (double)s->policy.ready_us / 1e6);
		service_last_words(s);
		s->late = true;
		stop_process(s);
		break;
	case SERVICE_STOPPING:
		log_warn("%s: does not end, killing it", s->name);
		timer_arm(s, KILL_US);
		s->engine->ops->kill(s->engine, &s->container, SIGKILL);
		break;
	case SERVICE_BACKOFF:
		wait_turn(s);
		break;
	default:
		break;
	}
}
