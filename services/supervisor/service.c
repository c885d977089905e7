#include "service.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "engine.h"
#include "io.h"
#include "log.h"
#include "report.h"
#include "str.h"
#include "supervisor.h"

enum {
	DELAY_FIRST_US = 100 * 1000,
	DELAY_MOST_US = 30 * 1000 * 1000,
	HEALTHY_US = 10 * 1000 * 1000, /* who ran as long begins anew with the first delay */
	START_US = 120 * 1000 * 1000,  /* a runtime that takes longer hangs */
	KILL_US = 10 * 1000 * 1000,    /* between two KILLs */
	TAIL_LINES = 5,
};

static void timer_fired(struct loop_timer *timer);

static int load(struct service *s, struct error *err)
{
	policy_clear(&s->policy);
	bundle_clear(&s->bundle);
	s->broken = bundle_load(s->path, &s->bundle, err) < 0 || policy_parse(&s->bundle.config, &s->policy, err) < 0;
	return s->broken ? -1 : 0;
}

struct service *service_new(struct supervisor *v, const char *name, const char *path, struct error *err)
{
	struct service *s = calloc(1, sizeof(*s));

	if (s)
		*s = (struct service){
			.supervisor = v, .engine = v->engine, .name = strdup(name), .path = strdup(path), .code = -1
		};
	if (!s || !s->name || !s->path) {
		service_free(s);
		error_set(err, ENOMEM, "%s", name);
		return NULL;
	}
	s->timer = (struct loop_timer){ .fn = timer_fired, .data = s };
	if (load(s, err) < 0)
		s->state = SERVICE_FAILED;
	return s;
}

void service_free(struct service *s)
{
	if (!s)
		return;
	ready_end(&s->ready);
	loop_timer_disarm(&s->timer);
	if (s->task)
		s->engine->ops->detach(s->engine, s);
	capture_close(&s->capture);
	policy_clear(&s->policy);
	bundle_clear(&s->bundle);
	free(s->name);
	free(s->path);
	free(s);
}

static char *saved_text(const struct service *s)
{
	const char *socket = s->engine == s->supervisor->engine ? NULL : s->engine->socket;
	_cleanup_saved_ struct saved m = {
		.state = s->state,
		.wanted = s->wanted,
		.again = s->again,
		.prepared = s->prepared,
		.reported = s->reported,
		.restarts = s->restarts,
		.delay = s->delay,
		.started = s->started,
		.code = s->code,
		.pid = s->pid,
		.dir = s->elsewhere ? strndup(s->path, strlen(s->path) - strlen(s->name) - 1) : NULL,
		.socket = socket ? strdup(socket) : NULL,
	};

	return (s->elsewhere && !m.dir) || (socket && !m.socket) ? NULL : saved_format(&m);
}

/* For the supervisor after this one. A service that was never started leaves nothing, nor does one whose supervisor
 * ends as it should. What cannot be written makes that one begin anew, no more. */
static void save(struct service *s)
{
	_cleanup_free_ char *path = str_format(SUPERVISOR_RUN_DIR "/%s/state", s->name), *text = NULL;
	bool early = s->state == SERVICE_WAITING || s->state == SERVICE_STARTING;

	if (!path || (early && !s->saved))
		return;
	if (s->supervisor->stopping && s->state == SERVICE_STOPPED) {
		unlink(path);
		return;
	}
	text = saved_text(s);
	s->saved = text && file_write(path, text, strlen(text), 0644, NULL) == 0;
	if (!s->saved)
		unlink(path);
}

/* Last, when all else that is saved has been set. */
static void state_set(struct service *s, enum service_state state)
{
	s->supervisor->starting -= s->state == SERVICE_STARTING;
	s->supervisor->starting += state == SERVICE_STARTING;
	s->state = state;
	loop_timer_disarm(&s->timer);
	save(s);
}

/* Without memory for a timer the state has to do without its end. */
static void timer_arm(struct service *s, uint64_t us)
{
	loop_timer_after(s->supervisor->loop, &s->timer, us, NULL);
}

static struct engine *engine_of(struct service *s)
{
	return s->engine;
}

/* --- up ------------------------------------------------------------------------------------------------- */

static int prepare(struct service *s, struct error *err)
{
	_cleanup_free_ char *run_dir = str_format(SUPERVISOR_RUN_DIR "/%s", s->name);

	if (!run_dir)
		return error_set(err, ENOMEM, "%s", s->name);
	if (s->broken && load(s, err) < 0)
		return -1;
	if (!s->capture.loop &&
	    capture_open(&s->capture, s->supervisor->loop, s->supervisor->logs, run_dir, s->name, err) < 0)
		return -1;
	if (!s->prepared) {
		if (s->saved || !s->supervisor->first)
			prepare_clear(&s->bundle);
		if (prepare_filesystem(&s->bundle, err) < 0)
			return -1;
		s->prepared = true;
		save(s);
	}
	if (!s->taken)
		capture_begin(&s->capture);
	ready_arm(&s->ready, s);
	return 0;
}

static void start_now(struct service *s)
{
	_cleanup_error_ struct error err = { 0 };

	state_set(s, SERVICE_STARTING);
	s->late = false;
	if (prepare(s, &err) < 0) {
		service_start_failed(s, &err);
		return;
	}
	if (s->taken) {
		engine_of(s)->ops->adopt(engine_of(s), s);
	} else {
		timer_arm(s, START_US);
		engine_of(s)->ops->start(engine_of(s), s);
	}
}

void service_consider(struct service *s)
{
	if (s->state == SERVICE_WAITING && supervisor_may_start(s->supervisor, s))
		start_now(s);
}

static void wait_turn(struct service *s)
{
	state_set(s, SERVICE_WAITING);
	supervisor_changed(s->supervisor, s);
}

void service_start(struct service *s)
{
	s->wanted = true;
	switch (s->state) {
	case SERVICE_STOPPING:
		s->again = true;
		save(s);
		return;
	case SERVICE_STOPPED:
	case SERVICE_BACKOFF:
	case SERVICE_ENDED:
	case SERVICE_FAILED:
		s->begun = report_now();
		s->restarts = 0;
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
		supervisor_changed(s->supervisor, s);
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

void service_became_ready(struct service *s)
{
	bool first = !s->reported;

	s->reported = true;
	state_set(s, SERVICE_RUNNING);
	if (first) {
		/* The report only informs: a full /run stops no service. */
		report_step("services", s->name, s->begun, report_now(), REPORT_NO_STATUS, NULL);
		report_publish(NULL);
	}
	supervisor_changed(s->supervisor, s);
}

static void stop_process(struct service *s)
{
	state_set(s, SERVICE_STOPPING);
	ready_end(&s->ready);
	timer_arm(s, s->policy.stop_us);
	engine_of(s)->ops->kill(engine_of(s), s, s->policy.stop_signal);
}

void service_started(struct service *s, pid_t pid)
{
	bool unwanted = s->state == SERVICE_STOPPING || !s->wanted || s->again;
	bool ready = s->taken ? !s->unproven : s->policy.ready == POLICY_READY_STARTED;

	s->pid = pid;
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
		ready_begin(&s->ready);
		supervisor_changed(s->supervisor, s);
	}
}

/* --- down ------------------------------------------------------------------------------------------------- */

static void last_words(struct service *s)
{
	_cleanup_buf_ struct buf tail = { 0 };
	char *line, *rest;

	capture_tail(&s->capture, TAIL_LINES, &tail);
	if (tail.len == 0)
		return;
	for (line = strtok_r((char *)buf_bytes(&tail), "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		log_error("%s| %s", s->name, line);
}

static void remove_container(struct service *s)
{
	state_set(s, SERVICE_STOPPING);
	engine_of(s)->ops->remove(engine_of(s), s);
}

void service_removed(struct service *s)
{
	if (s->prepared)
		prepare_undo(&s->bundle);
	s->prepared = false;
	s->broken = true;
	state_set(s, SERVICE_STOPPED);
	if (s->again && !s->supervisor->stopping) {
		s->again = false;
		service_start(s);
	} else {
		supervisor_changed(s->supervisor, s);
	}
}

static void back_off(struct service *s)
{
	s->restarts++;
	state_set(s, SERVICE_BACKOFF);
	timer_arm(s, s->delay);
	supervisor_changed(s->supervisor, s);
}

/* What follows an end. what: how it ended, for the console, NULL where that was as it should be. */
static void ended(struct service *s, bool failed, const char *what)
{
	bool restarts =
		s->policy.restart == POLICY_RESTART_ALWAYS || (failed && s->policy.restart != POLICY_RESTART_NO);
	uint64_t ran = s->pid ? report_now() - s->started : 0;

	s->pid = 0;
	s->taken = s->unproven = s->unstarted = false;
	ready_end(&s->ready);
	prepare_release(&s->bundle);
	s->ended = report_now();
	if (!s->wanted || s->again || s->supervisor->stopping) {
		if (s->supervisor->stopping)
			service_removed(s);
		else
			remove_container(s);
		return;
	}
	s->delay = ran >= HEALTHY_US || s->delay == 0 ? DELAY_FIRST_US : s->delay * 2;
	if (s->delay > DELAY_MOST_US)
		s->delay = DELAY_MOST_US;
	if (what && restarts)
		log_error("%s: %s; starting it again in %.1f s", s->name, what, (double)s->delay / 1e6);
	else if (what)
		log_error("%s: %s", s->name, what);
	if (what)
		last_words(s);
	if (restarts) {
		back_off(s);
		return;
	}
	state_set(s, failed ? SERVICE_FAILED : SERVICE_ENDED);
	supervisor_changed(s->supervisor, s);
}

/* Whether the supervisor before this one had not come to start it, after all: nothing has failed or ended then. */
static bool begins_anew(struct service *s)
{
	if (!s->unstarted || !s->wanted || s->again || s->supervisor->stopping)
		return false;
	s->taken = s->unstarted = false;
	s->pid = 0;
	ready_end(&s->ready);
	prepare_release(&s->bundle);
	wait_turn(s);
	return true;
}

void service_start_failed(struct service *s, const struct error *why)
{
	_cleanup_free_ char *what = str_format("cannot be started: %s", error_text(why));

	if (begins_anew(s))
		return;
	capture_drain(&s->capture);
	s->code = -1;
	ended(s, true, what ? what : "cannot be started");
}

void service_exited(struct service *s, int code)
{
	char what[64];

	if (code < 0 && begins_anew(s))
		return;
	capture_drain(&s->capture);
	s->code = code;
	if (code < 0)
		strcpy(what, "ended, its exit status was lost");
	else if (code > 128 && code <= 128 + 64)
		snprintf(what, sizeof(what), "killed by signal %d (exit status %d)", code - 128, code);
	else
		snprintf(what, sizeof(what), "exit status %d", code);
	/* One that was not ready in time has been complained about already. */
	ended(s, code != 0 || s->late, code == 0 || s->late ? NULL : what);
}

void service_stop(struct service *s)
{
	s->wanted = false;
	s->again = false;
	switch (s->state) {
	case SERVICE_STOPPED:
	case SERVICE_STOPPING:
		save(s);
		return;
	case SERVICE_STARTING:
		state_set(s, SERVICE_STOPPING);
		timer_arm(s, KILL_US);
		engine_of(s)->ops->kill(engine_of(s), s, SIGKILL);
		return;
	case SERVICE_CHECKING:
	case SERVICE_RUNNING:
		stop_process(s);
		return;
	default:
		if (s->supervisor->stopping)
			service_removed(s);
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
		save(s);
	}
}

static void timer_fired(struct loop_timer *timer)
{
	struct service *s = timer->data;

	switch (s->state) {
	case SERVICE_STARTING:
		log_error("%s: does not start within %d s", s->name, START_US / 1000000);
		timer_arm(s, KILL_US);
		engine_of(s)->ops->kill(engine_of(s), s, SIGKILL);
		break;
	case SERVICE_CHECKING:
		log_error("%s: not ready within %.1f s", s->name, (double)s->policy.ready_us / 1e6);
		last_words(s);
		s->late = true;
		stop_process(s);
		break;
	case SERVICE_STOPPING:
		log_warn("%s: does not end, killing it", s->name);
		timer_arm(s, KILL_US);
		engine_of(s)->ops->kill(engine_of(s), s, SIGKILL);
		break;
	case SERVICE_BACKOFF:
		wait_turn(s);
		break;
	default:
		break;
	}
}
