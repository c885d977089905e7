#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture.h"
#include "io.h"
#include "log.h"
#include "notify.h"
#include "process.h"
#include "settings.h"
#include "spawn.h"
#include "str.h"
#include "supervisor.h"
#include "unixsock.h"

extern char **environ;

#define NOTIFY_PATH "/run/pith/containerd.notify"

enum {
	PATIENCE_US = 2 * 1000 * 1000, /* before its socket is looked for */
	LOOK_US = 250 * 1000,
	LOOK_MOST_US = 4 * 1000 * 1000,
	DELAY_FIRST_US = 50 * 1000,
	DELAY_MOST_US = 30 * 1000 * 1000,
	HEALTHY_US = 10 * 1000 * 1000,
	STOP_US = 5 * 1000 * 1000,
	TAIL_LINES = 5,
};

struct daemon {
	struct loop *loop;
	const char *program, *socket, *settings;
	struct daemon_callbacks callbacks;
	char **options; /* cliopts */
	int out, err;   /* its streams; -1: captured */
	struct capture capture;
	struct loop_child child; /* ours */
	struct loop_io adopted;  /* somebody else's, by pidfd */
	struct loop_io notify;
	struct loop_timer timer; /* next start, next look, or KILL */
	enum { DAEMON_DOWN, DAEMON_STARTING, DAEMON_UP, DAEMON_STOPPING } state;
	uint64_t started, delay;
};

static void start(struct daemon *d);

/* --- where its output goes ---------------------------------------------------------------------------------- */

static int stream_open(const char *to, struct error *err)
{
	int fd;

	if (str_eq(to, "stdout"))
		fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	else if (str_eq(to, "stderr"))
		fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	else if (to[0] == '/')
		fd = open(to, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	else
		return error_set(err, 0, "'%s' is none of stdout, stderr, /path", to);
	return fd < 0 ? error_set(err, errno, "%s", to) : fd;
}

static int settings_apply(struct daemon *d, struct setting *cliopts, struct setting *out, struct setting *err_stream,
			  struct error *err)
{
	if (out->value && (d->out = stream_open(out->value, err)) < 0)
		return error_wrap(err, "stdout");
	if (err_stream->value && (d->err = stream_open(err_stream->value, err)) < 0)
		return error_wrap(err, "stderr");
	if (cliopts->value && !(d->options = strv_split(cliopts->value, " \t\n")))
		return error_set(err, ENOMEM, "cliopts");
	return 0;
}

static int settings_load(struct daemon *d, struct error *err)
{
	struct setting s[] = { { .key = "cliopts" }, { .key = "stdout" }, { .key = "stderr" } };
	_cleanup_buf_ struct buf text = { 0 };
	_cleanup_error_ struct error why = { 0 };
	int r = 0;
	size_t i;

	if (file_read(d->settings, 65536, &text, &why) < 0) {
		if (why.code != ENOENT)
			return error_move(err, &why);
	} else if (settings_parse(buf_text(&text), text.len, s, array_len(s), err) < 0 ||
		   settings_apply(d, &s[0], &s[1], &s[2], err) < 0) {
		r = error_wrap(err, "%s", d->settings);
	}
	for (i = 0; i < array_len(s); i++)
		free(s[i].value);
	return r;
}

/* --- up and down ------------------------------------------------------------------------------------------------ */

static void serves(struct daemon *d)
{
	loop_timer_disarm(&d->timer);
	d->state = DAEMON_UP;
	d->callbacks.up(d->callbacks.data);
}

static bool answers(const struct daemon *d, pid_t *pid)
{
	struct ucred peer = { 0 };
	socklen_t size = sizeof(peer);
	struct sockaddr_un address;
	_cleanup_close_ int fd =
		unixsock_address(&address, -1, NULL, d->socket) < 0 ? -1 : unixsock_connect(&address, SOCK_STREAM);

	if (fd < 0)
		return false;
	if (pid && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0)
		*pid = peer.pid;
	return true;
}

static void notified(struct loop_io *io, uint32_t events)
{
	struct daemon *d = io->data;
	char text[512];
	ssize_t n = recv(io->fd, text, sizeof(text), MSG_DONTWAIT);

	(void)events;
	if (n > 0 && d->state == DAEMON_STARTING && notify_is_ready(text, (size_t)n))
		serves(d);
}

/* Somebody else's may be away for long. */
static void look_later(struct daemon *d)
{
	loop_timer_after(d->loop, &d->timer, d->program ? LOOK_US : d->delay, NULL);
	d->delay = d->program || d->delay >= LOOK_MOST_US ? d->delay : d->delay * 2;
}

static void timer_fired(struct loop_timer *timer)
{
	struct daemon *d = timer->data;

	switch (d->state) {
	case DAEMON_DOWN:
		start(d);
		return;
	case DAEMON_STARTING:
		if (answers(d, NULL))
			serves(d);
		else
			look_later(d);
		return;
	case DAEMON_STOPPING:
		log_warn("containerd does not end, killing it");
		if (loop_io_active(&d->child.io))
			kill(d->child.pid, SIGKILL);
		else if (d->adopted.fd >= 0)
			process_signal(d->adopted.fd, SIGKILL, NULL);
		return;
	default:
		return;
	}
}

static void ended(struct daemon *d, const char *how)
{
	_cleanup_buf_ struct buf tail = { 0 };
	char *line, *rest;

	loop_timer_disarm(&d->timer);
	if (d->state == DAEMON_STOPPING) {
		d->state = DAEMON_DOWN;
		d->callbacks.gone(d->callbacks.data);
		return;
	}
	d->state = DAEMON_DOWN;
	d->delay = d->delay == 0 || loop_now() - d->started >= HEALTHY_US ? DELAY_FIRST_US : d->delay * 2;
	if (d->delay > DELAY_MOST_US)
		d->delay = DELAY_MOST_US;
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

static void child_ended(struct loop_child *child, int status)
{
	ended(child->data, spawn_status_text(status));
}

static void adopted_ended(struct loop_io *io, uint32_t events)
{
	struct daemon *d = io->data;

	(void)events;
	loop_io_remove(io);
	cleanup_close(&io->fd);
	io->fd = -1;
	ended(d, "ended");
}

static pid_t program_spawn(struct daemon *d, struct error *err)
{
	_cleanup_strv_ char **argv = NULL, **env = strv_copy(environ);
	_cleanup_close_ int out = -1, both = -1;
	struct spawn_fd fds[2];
	char **o;

	if (strv_add(&argv, d->program) < 0 || !env || strv_add(&env, "NOTIFY_SOCKET=" NOTIFY_PATH) < 0)
		return error_set(err, ENOMEM, "%s", d->program);
	for (o = d->options; o && *o; o++)
		if (strv_add(&argv, *o) < 0)
			return error_set(err, ENOMEM, "%s", d->program);
	if ((d->out < 0 && (out = capture_writer(&d->capture.out, err)) < 0) ||
	    (d->err < 0 && (both = capture_writer(&d->capture.err, err)) < 0))
		return -1;
	fds[0] = (struct spawn_fd){ out >= 0 ? out : d->out, 1 };
	fds[1] = (struct spawn_fd){ both >= 0 ? both : d->err, 2 };
	return spawn(&(struct spawn){ .path = d->program, .argv = argv, .env = env, .fds = fds, .fd_count = 2 }, err);
}

static void start(struct daemon *d)
{
	_cleanup_error_ struct error err = { 0 };
	pid_t pid;

	d->state = DAEMON_STARTING;
	d->started = loop_now();
	unlink(d->socket); /* of one that was killed */
	if (d->capture.loop)
		capture_begin(&d->capture);
	pid = program_spawn(d, &err);
	d->child = (struct loop_child){ .fn = child_ended, .data = d };
	if (pid > 0 && loop_child_add(d->loop, &d->child, pid, &err) < 0) {
		kill(pid, SIGKILL);
		pid = -1;
	}
	if (pid < 0)
		ended(d, error_text(&err));
	else
		loop_timer_after(d->loop, &d->timer, PATIENCE_US, NULL);
}

static bool adopt(struct daemon *d)
{
	pid_t pid = 0;

	if (!answers(d, &pid) || pid <= 0)
		return false;
	d->adopted.fd = process_open(pid, NULL);
	if (d->adopted.fd < 0 || loop_io_add(d->loop, &d->adopted, NULL) < 0)
		return false;
	d->started = loop_now();
	d->state = DAEMON_STARTING;
	loop_timer_after(d->loop, &d->timer, 0, NULL); /* it answers: up() comes from the loop, as always */
	return true;
}

static int notify_listen(struct daemon *d, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = NOTIFY_PATH };

	unlink(NOTIFY_PATH);
	d->notify.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (d->notify.fd < 0 || bind(d->notify.fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    chmod(NOTIFY_PATH, 0600) < 0)
		return error_set(err, errno, NOTIFY_PATH);
	return loop_io_add(d->loop, &d->notify, err);
}

/* Somebody else's. */
static int follow(struct daemon *d, struct error *err)
{
	int code;

	if (!answers(d, NULL)) {
		code = errno;
		return error_set(err, code, "%s", d->socket);
	}
	d->state = DAEMON_STARTING;
	return loop_timer_after(d->loop, &d->timer, 0, err);
}

static int own_begin(struct daemon *d, struct error *err)
{
	if (settings_load(d, err) < 0 || notify_listen(d, err) < 0)
		return -1;
	if ((d->out < 0 || d->err < 0) &&
	    capture_open(&d->capture, d->loop, SUPERVISOR_LOG_DIR, SUPERVISOR_RUN_DIR "/.containerd", "containerd",
			 err) < 0)
		return -1;
	if (!adopt(d))
		start(d);
	return 0;
}

struct daemon *daemon_new(struct loop *loop, const char *program, const char *socket, const char *settings,
			  const struct daemon_callbacks *callbacks, struct error *err)
{
	struct daemon *d = calloc(1, sizeof(*d));

	if (!d) {
		error_set(err, ENOMEM, "containerd");
		return NULL;
	}
	*d = (struct daemon){
		.loop = loop, .program = program, .socket = socket, .settings = settings, .out = -1, .err = -1
	};
	d->callbacks = *callbacks;
	d->child.io.fd = -1;
	d->timer = (struct loop_timer){ .fn = timer_fired, .data = d };
	d->notify = (struct loop_io){ .fd = -1, .events = EPOLLIN, .fn = notified, .data = d };
	d->adopted = (struct loop_io){ .fd = -1, .events = EPOLLIN, .fn = adopted_ended, .data = d };
	d->delay = program ? 0 : LOOK_US;
	if ((program ? own_begin(d, err) : follow(d, err)) < 0) {
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
	d->delay = d->program ? d->delay : LOOK_US;
	loop_timer_after(d->loop, &d->timer, LOOK_US, NULL);
}

void daemon_stop(struct daemon *d)
{
	bool ours = loop_io_active(&d->child.io);

	loop_timer_disarm(&d->timer);
	d->state = DAEMON_STOPPING;
	if (!ours && d->adopted.fd < 0) {
		ended(d, "");
		return;
	}
	if (ours)
		kill(d->child.pid, SIGTERM);
	else
		process_signal(d->adopted.fd, SIGTERM, NULL);
	loop_timer_after(d->loop, &d->timer, STOP_US, NULL);
}

void daemon_free(struct daemon *d)
{
	if (!d)
		return;
	loop_timer_disarm(&d->timer);
	loop_child_remove(&d->child);
	loop_io_remove(&d->adopted);
	cleanup_close(&d->adopted.fd);
	loop_io_remove(&d->notify);
	cleanup_close(&d->notify.fd);
	cleanup_close(&d->out);
	cleanup_close(&d->err);
	capture_close(&d->capture);
	strv_free(d->options);
	free(d);
}
