#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cgroup.h"
#include "io.h"
#include "log.h"
#include "service_private.h"
#include "str.h"

enum { TAIL_LINES = 5 };

int service_load(struct service *s, struct error *err)
{
	policy_clear(&s->policy);
	bundle_clear(&s->bundle);
	s->broken = bundle_load(s->path, &s->bundle, err) < 0 || policy_parse(&s->bundle.config, &s->policy, err) < 0;
	return s->broken ? -1 : 0;
}

void service_free(struct service *s)
{
	if (!s)
		return;
	ready_end(&s->ready);
	oom_watch_stop(&s->oom);
	loop_timer_disarm(&s->oom_pause);
	loop_timer_disarm(&s->timer);
	if (s->container.task)
		s->engine->ops->detach(s->engine, &s->container);
	capture_close(&s->capture);
	policy_clear(&s->policy);
	bundle_clear(&s->bundle);
	free(s->name);
	free(s->path);
	free(s);
}

static char *saved_text(const struct service *s)
{
	const char *socket = s->engine == s->site->engine ? NULL : s->engine->socket;
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
		.oom_kills = s->oom_kills,
		.dir = s->elsewhere ? strndup(s->path, strlen(s->path) - strlen(s->name) - 1) : NULL,
		.socket = socket ? strdup(socket) : NULL,
	};

	return (s->elsewhere && !m.dir) || (socket && !m.socket) ? NULL : saved_format(&m);
}

/* For the supervisor after this one. A service that was never started leaves nothing, nor does one whose supervisor
 * ends as it should. What cannot be written makes that one begin anew, no more. */
void service_save(struct service *s)
{
	_cleanup_free_ char *path = str_format("%s/%s/state", s->site->host->run_dir, s->name), *text = NULL;
	bool early = s->state == SERVICE_WAITING || s->state == SERVICE_STARTING;

	if (!path || (early && !s->saved))
		return;
	if (s->site->host->stopping && s->state == SERVICE_STOPPED) {
		unlink(path);
		return;
	}
	text = saved_text(s);
	s->saved = text && file_write(path, text, strlen(text), 0644, NULL) == 0;
	if (!s->saved)
		unlink(path);
}

int service_prepare(struct service *s, struct error *err)
{
	_cleanup_free_ char *run_dir = str_format("%s/%s", s->site->host->run_dir, s->name);

	if (!run_dir)
		return error_set(err, ENOMEM, "%s", s->name);
	if (s->broken && service_load(s, err) < 0)
		return -1;
	if (!s->capture.loop &&
	    capture_open(&s->capture, s->site->host->loop, s->site->host->logs, run_dir, s->name, err) < 0)
		return -1;
	if (!s->prepared) {
		if (s->saved || !s->site->host->first)
			prepare_clear(&s->bundle);
		if (prepare_filesystem(&s->bundle, err) < 0)
			return -1;
		s->prepared = true;
		service_save(s);
	}
	return 0;
}

void service_last_words(struct service *s)
{
	_cleanup_buf_ struct buf tail = { 0 };
	char *line, *rest;

	capture_tail(&s->capture, TAIL_LINES, &tail);
	if (tail.len == 0)
		return;
	for (line = strtok_r((char *)buf_bytes(&tail), "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		log_error("%s| %s", s->name, line);
}
