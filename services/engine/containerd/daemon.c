#include "daemon_private.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "backoff.h"
#include "daemon_program.h"
#include "log.h"
#include "notify.h"
#include "recorded.h"
#include "spawn.h"
#include "str.h"

#define NOTIFY_PATH "/run/pith/containerd.notify"

enum {
	PATIENCE_US = 2 * 1000 * 1000, /* before its socket is looked for */
	LOOK_US = 250 * 1000,
	STOP_US = 5 * 1000 * 1000,
	SERVE_US =
		60 * 1000 * 1000, /* unless start_timeout says otherwise; twice as long each time it was too short, */
	SERVE_DOUBLED = 4,        /* that many times */
	TAIL_LINES = 5,
};

static const struct backoff restart = { .first = 50 * 1000, .most = 30 * 1000 * 1000, .healthy = 10 * 1000 * 1000 };
/* For somebody else's containerd, which may be away for long. */
static const struct backoff look = { .first = LOOK_US, .most = 4 * 1000 * 1000 };

static void program_start(struct daemon *d);

/* --- up and down ------------------------------------------------------------------------------------------------ */

static void daemon_serves(struct daemon *d)
{
	loop_timer_disarm(&d->timer);
	d->doubled = 0;
	d->state = DAEMON_UP;
	d->is.up(d->is.data);
}

static void notify_came(struct loop_io *io, uint32_t events)
{
	struct daemon *d = io->data;

	(void)events;
	if (notify_read(io->fd) && d->state == DAEMON_STARTING)
		daemon_serves(d);
}

static void socket_look_later(struct daemon *d)
{
	if (!d->is.program)
		d->delay = backoff_next(&look, d->delay);
	loop_timer_after(d->loop, &d->timer, d->is.program ? LOOK_US : d->delay, NULL);
}

static void daemon_starting_look(struct daemon *d)
{
	uint64_t now = loop_now();
	pid_t pid = 0;

	if (daemon_socket_answers(d, &pid)) {
		if (!d->is.program || pid == d->pid || pid <= 0) {
			daemon_serves(d);
			return;
		}
		log_warn("containerd: another one (process %d) serves already; ending ours", (int)pid);
		daemon_process_kill(d, SIGKILL);
		if (daemon_process_take_serving(d, pid))
			return;
	} else if (d->is.program && now >= d->give_up) {
		log_error("containerd: does not serve, killing it");
		daemon_process_kill(d, SIGKILL);
		d->doubled += d->doubled < SERVE_DOUBLED;
		d->give_up = now + STOP_US;
	} else if (d->is.program && now - d->started >= PATIENCE_US) {
		daemon_rival_end(d);
	}
	socket_look_later(d);
}

static void daemon_timer_fired(struct loop_timer *timer)
{
	struct daemon *d = timer->data;

	switch (d->state) {
	case DAEMON_DOWN:
		program_start(d);
		return;
	case DAEMON_STARTING:
		daemon_starting_look(d);
		return;
	case DAEMON_STOPPING:
		log_warn("containerd does not end, killing it");
		daemon_process_kill(d, SIGKILL);
		return;
	default:
		return;
	}
}

static void daemon_ended(struct daemon *d, const char *how)
{
	_cleanup_buf_ struct buf tail = { 0 };
	char *line, *rest;

	loop_timer_disarm(&d->timer);
	d->pid = 0;
	if (d->record >= 0)
		recorded_write(d->record, 0, NULL); /* it is told from later ones by its start, too */
	if (d->state == DAEMON_STOPPING && d->sleeping) {
		d->sleeping = false;
		d->state = DAEMON_ASLEEP;
		d->is.slept(d->is.data);
		return;
	}
	if (d->state == DAEMON_STOPPING) {
		d->state = DAEMON_DOWN;
		d->is.gone(d->is.data);
		return;
	}
	d->state = DAEMON_DOWN;
	d->delay = backoff_after(&restart, d->delay, loop_now() - d->started);
	log_error("containerd: %s; starting it again", how);
	if (d->capture.loop) {
		capture_drain(&d->capture);
		capture_tail(&d->capture, TAIL_LINES, &tail);
	}
	if (tail.len > 0)
		for (line = strtok_r((char *)buf_bytes(&tail), "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
			log_error("containerd| %s", line);
	loop_timer_after(d->loop, &d->timer, d->delay, NULL);
}

static void child_ended(struct exit_watch *child, int status)
{
	daemon_ended(child->data, spawn_status_text(status));
}

static void adopted_ended(struct loop_io *io, uint32_t events)
{
	struct daemon *d = io->data;

	(void)events;
	loop_io_remove(io);
	cleanup_close(&io->fd);
	io->fd = -1;
	daemon_ended(d, "ended");
}

static void program_start(struct daemon *d)
{
	_cleanup_error_ struct error err = { 0 };
	pid_t pid = 0;

	if (daemon_socket_answers(d, &pid) && daemon_process_take_serving(d, pid))
		return;
	/* The socket of one that was killed stays: containerd itself replaces it. */
	d->state = DAEMON_STARTING;
	d->started = loop_now();
	d->give_up = d->started + (d->settings.serve << d->doubled);
	if (d->capture.loop)
		capture_begin(&d->capture);
	d->is.starting(d->is.data);
	pid = daemon_program_spawn(&(struct daemon_program){ .path = d->is.program,
							     .address = d->is.lazy ? d->is.socket : NULL,
							     .settings = &d->settings,
							     .capture = &d->capture,
							     .notify = NOTIFY_PATH,
							     .record = d->record },
				   &err);
	d->child = (struct exit_watch){ .fn = child_ended, .data = d };
	if (pid > 0 && exit_watch_add(d->is.reaper, &d->child, pid, &err) < 0) {
		kill(pid, SIGKILL);
		pid = -1;
	}
	if (pid < 0) {
		daemon_ended(d, error_text(&err));
		return;
	}
	d->pid = pid;
	loop_timer_after(d->loop, &d->timer, PATIENCE_US, NULL);
}

/* That of the supervisor before this one, or anybody's that serves; else a new one. */
static void process_take_or_start(struct daemon *d)
{
	uint64_t age = 0;
	pid_t pid = 0;
	int pidfd = recorded_process(d->record, &pid, &age);

	if (pidfd < 0 || daemon_process_take(d, pidfd, pid, age) < 0)
		program_start(d);
}

/* Somebody else's. */
static int socket_follow(struct daemon *d, struct error *err)
{
	int code;

	if (!daemon_socket_answers(d, NULL)) {
		code = errno;
		return error_set(err, code, "%s", d->is.socket);
	}
	d->state = DAEMON_STARTING;
	return loop_timer_after(d->loop, &d->timer, 0, err);
}

static int daemon_ears_open(struct daemon *d, struct error *err)
{
	_cleanup_free_ char *fifos = NULL;

	if ((d->notify.fd = notify_open(NOTIFY_PATH, err)) < 0 || loop_io_add(d->loop, &d->notify, err) < 0)
		return -1;
	if (d->settings.out >= 0 && d->settings.err >= 0)
		return 0;
	fifos = str_format("%s/.containerd", d->is.run_dir);
	if (!fifos)
		return error_set(err, ENOMEM, "containerd");
	return capture_open(&d->capture, d->loop, d->is.logs, fifos, "containerd", err);
}

static int daemon_own_begin(struct daemon *d, struct error *err)
{
	struct stat st;

	if (daemon_settings_load(&d->settings, d->is.settings, err) < 0)
		return -1;
	d->record = recorded_open(DAEMON_RECORD, err);
	if (d->record < 0)
		return -1;
	d->fresh = fstat(d->record, &st) == 0 && st.st_size == 0;
	if (d->is.lazy && !daemon_is_recorded(d) && !daemon_socket_answers(d, NULL)) {
		d->state = DAEMON_ASLEEP;
		return 0;
	}
	if (daemon_ears_open(d, err) < 0)
		return -1;
	d->state = DAEMON_DOWN;
	process_take_or_start(d);
	return 0;
}

bool daemon_sleeps(const struct daemon *d)
{
	return d->state == DAEMON_ASLEEP;
}

bool daemon_is_new(const struct daemon *d)
{
	return d->fresh;
}

void daemon_wake(struct daemon *d)
{
	_cleanup_error_ struct error err = { 0 };

	if (d->state != DAEMON_ASLEEP)
		return;
	d->state = DAEMON_DOWN;
	/* Without them it is looked for, and what it says is lost. They stay from one to the next. */
	if (d->notify.fd < 0 && daemon_ears_open(d, &err) < 0)
		log_warn("%s", error_text(&err));
	process_take_or_start(d);
}

struct daemon *daemon_new(const struct daemon_setup *is, struct error *err)
{
	struct daemon *d = calloc(1, sizeof(*d));

	if (!d) {
		error_set(err, ENOMEM, "containerd");
		return NULL;
	}
	*d = (struct daemon){ .is = *is,
			      .loop = is->loop,
			      .state = DAEMON_DOWN,
			      .settings = { .out = -1, .err = -1, .serve = SERVE_US },
			      .record = -1 };
	d->child = (struct exit_watch){ .fn = child_ended, .data = d };
	d->timer = (struct loop_timer){ .fn = daemon_timer_fired, .data = d };
	d->notify = (struct loop_io){ .fd = -1, .events = EPOLLIN, .fn = notify_came, .data = d };
	d->adopted = (struct loop_io){ .fd = -1, .events = EPOLLIN, .fn = adopted_ended, .data = d };
	if ((is->program ? daemon_own_begin(d, err) : socket_follow(d, err)) < 0) {
		daemon_free(d);
		return NULL;
	}
	return d;
}

void daemon_lost(struct daemon *d)
{
	if (d->state != DAEMON_UP)
		return;
	/* It usually dies at the same moment; if it does not, it can be connected to again. */
	d->state = DAEMON_STARTING;
	d->delay = d->is.program ? d->delay : 0;
	d->give_up = loop_now() + d->settings.serve;
	loop_timer_after(d->loop, &d->timer, LOOK_US, NULL);
}

uint64_t daemon_patience(const struct daemon *d)
{
	return d->settings.serve;
}

void daemon_silent(struct daemon *d)
{
	log_error("containerd: %s does not answer%s", d->is.socket, d->is.program ? ", killing it" : "");
	if (d->is.program)
		daemon_process_kill(d, SIGKILL);
}

static void process_stop(struct daemon *d)
{
	loop_timer_disarm(&d->timer);
	d->state = DAEMON_STOPPING;
	if (!exit_watch_active(&d->child) && d->adopted.fd < 0) {
		daemon_ended(d, "");
		return;
	}
	daemon_process_kill(d, SIGTERM);
	loop_timer_after(d->loop, &d->timer, STOP_US, NULL);
}

void daemon_stop(struct daemon *d)
{
	d->sleeping = false;
	process_stop(d);
}

void daemon_sleep(struct daemon *d)
{
	d->sleeping = true;
	process_stop(d);
}

void daemon_free(struct daemon *d)
{
	if (!d)
		return;
	loop_timer_disarm(&d->timer);
	daemon_process_forget(d);
	cleanup_close(&d->record);
	loop_io_remove(&d->notify);
	cleanup_close(&d->notify.fd);
	daemon_settings_clear(&d->settings);
	capture_close(&d->capture);
	free(d);
}
