#include "daemon.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backoff.h"
#include "capture.h"
#include "daemon_program.h"
#include "daemon_settings.h"
#include "io.h"
#include "log.h"
#include "notify.h"
#include "process.h"
#include "reaper.h"
#include "recorded.h"
#include "rival.h"
#include "spawn.h"
#include "str.h"
#include "unixsock.h"

#define NOTIFY_PATH "/run/pith/containerd.notify"
#define RECORD_PATH "/run/pith/containerd.pid"

enum {
	PATIENCE_US = 2 * 1000 * 1000, /* before its socket is looked for */
	LOOK_US = 250 * 1000,
	STOP_US = 5 * 1000 * 1000,
	SERVE_US =
		60 * 1000 * 1000, /* unless start_timeout says otherwise; twice as long each time it was too short, */
	SERVE_DOUBLED = 4,        /* that many times */
	LAST_CHANCE_US = 5 * 1000 * 1000, /* for one that has been there for longer than that already */
	TAIL_LINES = 5,
};

static const struct backoff restart = { .first = 50 * 1000, .most = 30 * 1000 * 1000, .healthy = 10 * 1000 * 1000 };
/* For somebody else's containerd, which may be away for long. */
static const struct backoff look = { .first = LOOK_US, .most = 4 * 1000 * 1000 };

struct daemon {
	struct daemon_setup is;
	struct loop *loop;
	struct daemon_settings settings;
	struct capture capture;  /* of the streams that the settings say nothing of */
	int record;              /* which process it is (recorded.h) */
	bool fresh;              /* there was no record: none has run in this boot */
	pid_t pid;               /* 0: none */
	struct exit_watch child; /* it, where we started it */
	struct loop_io adopted;  /* else its pidfd */
	struct loop_io notify;
	struct loop_timer timer; /* next start, next look, or KILL */
	enum { DAEMON_ASLEEP, DAEMON_DOWN, DAEMON_STARTING, DAEMON_UP, DAEMON_STOPPING } state;
	uint64_t started, delay;
	unsigned doubled; /* so often it took longer, one after the other */
	uint64_t give_up; /* when the present one is killed unless it serves */
};

static void program_start(struct daemon *d);

/* --- up and down ------------------------------------------------------------------------------------------------ */

static void daemon_serves(struct daemon *d)
{
	loop_timer_disarm(&d->timer);
	d->doubled = 0;
	d->state = DAEMON_UP;
	d->is.up(d->is.data);
}

static bool socket_answers(const struct daemon *d, pid_t *pid)
{
	struct ucred peer = { 0 };
	socklen_t size = sizeof(peer);
	struct sockaddr_un address;
	_cleanup_close_ int fd =
		unixsock_address(&address, -1, NULL, d->is.socket) < 0 ? -1 : unixsock_connect(&address, SOCK_STREAM);

	if (fd < 0)
		return false;
	if (pid && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0)
		*pid = peer.pid;
	return true;
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

static void process_kill(const struct daemon *d, int signo)
{
	/* One that has ended says so by its pidfd. */
	if (exit_watch_active(&d->child))
		kill(d->child.pid, signo);
	else if (d->adopted.fd >= 0)
		process_signal(d->adopted.fd, signo, NULL);
}

/* A child of ours that is no longer watched is reaped with the orphans (supervisor.c). */
static void process_forget(struct daemon *d)
{
	exit_watch_remove(&d->child);
	loop_io_remove(&d->adopted);
	cleanup_close(&d->adopted.fd);
	d->adopted.fd = -1;
	d->pid = 0;
}

/* One that runs already, however far it has come. The pidfd is taken over, also on failure. */
static int process_take(struct daemon *d, int pidfd, pid_t pid, uint64_t age)
{
	uint64_t now = loop_now();

	process_forget(d);
	d->adopted.fd = pidfd;
	if (loop_io_add(d->loop, &d->adopted, NULL) < 0) {
		process_forget(d);
		return -1;
	}
	d->pid = pid;
	d->started = now > age ? now - age : 0;
	d->give_up = d->started + (d->settings.serve << d->doubled);
	if (d->give_up < now + LAST_CHANCE_US)
		d->give_up = now + LAST_CHANCE_US;
	d->state = DAEMON_STARTING;
	loop_timer_after(d->loop, &d->timer, 0, NULL); /* up() comes from the loop, as always */
	return 0;
}

/* One that nobody has recorded serves on the socket: it is the one. */
static bool process_take_serving(struct daemon *d, pid_t pid)
{
	_cleanup_error_ struct error err = { 0 };
	int pidfd = pid > 0 ? process_open(pid, NULL) : -1;

	if (pidfd < 0)
		return false;
	if (recorded_write(d->record, pid, &err) < 0)
		log_warn("%s: %s", RECORD_PATH, error_text(&err));
	return process_take(d, pidfd, pid, 0) == 0;
}

/* It may be waiting for a database that one of before, which nobody can reach any more, has locked. */
static void daemon_rival_end(const struct daemon *d)
{
	pid_t pid = 0;
	_cleanup_close_ int rival = d->pid ? rival_find(d->pid, &pid) : -1;

	if (rival < 0)
		return;
	log_warn(
		"containerd: another one (process %d) keeps the database of ours and does not listen for it; ending it",
		(int)pid);
	process_signal(rival, SIGKILL, NULL);
}

static void daemon_starting_look(struct daemon *d)
{
	uint64_t now = loop_now();
	pid_t pid = 0;

	if (socket_answers(d, &pid)) {
		if (!d->is.program || pid == d->pid || pid <= 0) {
			daemon_serves(d);
			return;
		}
		log_warn("containerd: another one (process %d) serves already; ending ours", (int)pid);
		process_kill(d, SIGKILL);
		if (process_take_serving(d, pid))
			return;
	} else if (d->is.program && now >= d->give_up) {
		log_error("containerd: does not serve, killing it");
		process_kill(d, SIGKILL);
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
		process_kill(d, SIGKILL);
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

	if (socket_answers(d, &pid) && process_take_serving(d, pid))
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

	if (pidfd < 0 || process_take(d, pidfd, pid, age) < 0)
		program_start(d);
}

/* Somebody else's. */
static int socket_follow(struct daemon *d, struct error *err)
{
	int code;

	if (!socket_answers(d, NULL)) {
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

/* One that was killed with the supervisor before this one, whoever needed it, is started again. */
static bool record_names_one(const struct daemon *d)
{
	char text[64] = "";
	uint64_t ticks;
	pid_t pid;

	return io_pread(d->record, text, sizeof(text) - 1, 0) > 0 && recorded_parse(text, &pid, &ticks) == 0;
}

static int daemon_own_begin(struct daemon *d, struct error *err)
{
	struct stat st;

	if (daemon_settings_load(&d->settings, d->is.settings, err) < 0)
		return -1;
	d->record = recorded_open(RECORD_PATH, err);
	if (d->record < 0)
		return -1;
	d->fresh = fstat(d->record, &st) == 0 && st.st_size == 0;
	if (d->is.lazy && !record_names_one(d) && !socket_answers(d, NULL)) {
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
	/* Without them it is looked for, and what it says is lost. */
	if (daemon_ears_open(d, &err) < 0)
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
		process_kill(d, SIGKILL);
}

void daemon_stop(struct daemon *d)
{
	loop_timer_disarm(&d->timer);
	d->state = DAEMON_STOPPING;
	if (!exit_watch_active(&d->child) && d->adopted.fd < 0) {
		daemon_ended(d, "");
		return;
	}
	process_kill(d, SIGTERM);
	loop_timer_after(d->loop, &d->timer, STOP_US, NULL);
}

void daemon_free(struct daemon *d)
{
	if (!d)
		return;
	loop_timer_disarm(&d->timer);
	process_forget(d);
	cleanup_close(&d->record);
	loop_io_remove(&d->notify);
	cleanup_close(&d->notify.fd);
	daemon_settings_clear(&d->settings);
	capture_close(&d->capture);
	free(d);
}
