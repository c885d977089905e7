#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "beneath.h"
#include "capture.h"
#include "io.h"
#include "log.h"
#include "notify.h"
#include "policy.h"
#include "process.h"
#include "recorded.h"
#include "rival.h"
#include "settings.h"
#include "spawn.h"
#include "str.h"
#include "supervisor.h"
#include "unixsock.h"

extern char **environ;

#define NOTIFY_PATH "/run/pith/containerd.notify"
#define RECORD_PATH "/run/pith/containerd.pid"

enum {
	PATIENCE_US = 2 * 1000 * 1000, /* before its socket is looked for */
	LOOK_US = 250 * 1000,
	LOOK_MOST_US = 4 * 1000 * 1000,
	DELAY_FIRST_US = 50 * 1000,
	DELAY_MOST_US = 30 * 1000 * 1000,
	HEALTHY_US = 10 * 1000 * 1000,
	STOP_US = 5 * 1000 * 1000,
	SERVE_US =
		60 * 1000 * 1000, /* unless start_timeout says otherwise; twice as long each time it was too short, */
	SERVE_DOUBLED = 4,        /* that many times */
	LAST_CHANCE_US = 5 * 1000 * 1000, /* for one that has been there for longer than that already */
	TAIL_LINES = 5,
};

struct daemon {
	struct loop *loop;
	const char *program, *socket, *settings, *logs;
	struct daemon_callbacks callbacks;
	char **options; /* cliopts */
	int out, err;   /* its streams; -1: captured */
	struct capture capture;
	int record;              /* which process it is (recorded.h) */
	pid_t pid;               /* 0: none */
	struct loop_child child; /* it, where we started it */
	struct loop_io adopted;  /* else its pidfd */
	struct loop_io notify;
	struct loop_timer timer; /* next start, next look, or KILL */
	enum { DAEMON_DOWN, DAEMON_STARTING, DAEMON_UP, DAEMON_STOPPING } state;
	uint64_t started, delay;
	uint64_t serve;   /* how long it may take until it serves */
	unsigned doubled; /* so often it took longer, one after the other */
	uint64_t give_up; /* when the present one is killed unless it serves */
};

static void start(struct daemon *d);

/* --- where its output goes ---------------------------------------------------------------------------------- */

/* A file, or a device such as a console; it may be in a directory that containers write to. */
static int file_open(const char *path, struct error *err)
{
	const struct beneath_want want = { .owner = geteuid(), .only_link = true };
	_cleanup_close_ int fd = beneath_open(BENEATH_ROOT, path, O_WRONLY | O_CREAT | O_APPEND, 0644, &want, err);
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0 || (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode)))
		return error_set(err, 0, "%s: neither a file nor a character device", path);
	/* Opened so as not to wait; containerd's own writes may. */
	if (fcntl(fd, F_SETFL, O_APPEND) < 0)
		return error_set(err, errno, "%s", path);
	return steal_fd(&fd);
}

static int stream_open(const char *to, struct error *err)
{
	int fd;

	if (str_eq(to, "stdout"))
		fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	else if (str_eq(to, "stderr"))
		fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	else if (to[0] == '/')
		return file_open(to, err);
	else
		return error_set(err, 0, "'%s' is none of stdout, stderr, /path", to);
	return fd < 0 ? error_set(err, errno, "%s", to) : fd;
}

static int settings_apply(struct daemon *d, struct setting *cliopts, struct setting *out, struct setting *err_stream,
			  struct setting *serve, struct error *err)
{
	if (serve->value && (policy_duration(serve->value, &d->serve) < 0 || d->serve == 0))
		return error_set(err, 0, "start_timeout: '%s' is no duration (500ms, 10s, 2m)", serve->value);
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
	struct setting s[] = {
		{ .key = "cliopts" }, { .key = "stdout" }, { .key = "stderr" }, { .key = "start_timeout" }
	};
	_cleanup_buf_ struct buf text = { 0 };
	_cleanup_error_ struct error why = { 0 };
	int r = 0;
	size_t i;

	if (file_read(d->settings, 65536, &text, &why) < 0) {
		if (why.code != ENOENT)
			return error_move(err, &why);
	} else if (settings_parse(buf_text(&text), text.len, s, array_len(s), err) < 0 ||
		   settings_apply(d, &s[0], &s[1], &s[2], &s[3], err) < 0) {
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
	d->doubled = 0;
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

static void process_kill(const struct daemon *d, int signo)
{
	/* One that has ended says so by its pidfd. */
	if (loop_io_active(&d->child.io))
		kill(d->child.pid, signo);
	else if (d->adopted.fd >= 0)
		process_signal(d->adopted.fd, signo, NULL);
}

/* A child of ours that is no longer watched is reaped with the orphans (supervisor.c). */
static void process_forget(struct daemon *d)
{
	loop_child_remove(&d->child);
	loop_io_remove(&d->adopted);
	cleanup_close(&d->adopted.fd);
	d->adopted.fd = -1;
	d->pid = 0;
}

/* One that runs already, however far it has come. The pidfd is taken over, also on failure. */
static int take(struct daemon *d, int pidfd, pid_t pid, uint64_t age)
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
	d->give_up = d->started + (d->serve << d->doubled);
	if (d->give_up < now + LAST_CHANCE_US)
		d->give_up = now + LAST_CHANCE_US;
	d->state = DAEMON_STARTING;
	loop_timer_after(d->loop, &d->timer, 0, NULL); /* up() comes from the loop, as always */
	return 0;
}

/* One that nobody has recorded serves on the socket: it is the one. */
static bool take_serving(struct daemon *d, pid_t pid)
{
	_cleanup_error_ struct error err = { 0 };
	int pidfd = pid > 0 ? process_open(pid, NULL) : -1;

	if (pidfd < 0)
		return false;
	if (recorded_write(d->record, pid, &err) < 0)
		log_warn("%s: %s", RECORD_PATH, error_text(&err));
	return take(d, pidfd, pid, 0) == 0;
}

/* It may be waiting for a database that one of before, which nobody can reach any more, has locked. */
static void rival_end(const struct daemon *d)
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

static void starting_look(struct daemon *d)
{
	uint64_t now = loop_now();
	pid_t pid = 0;

	if (answers(d, &pid)) {
		if (!d->program || pid == d->pid || pid <= 0) {
			serves(d);
			return;
		}
		log_warn("containerd: another one (process %d) serves already; ending ours", (int)pid);
		process_kill(d, SIGKILL);
		if (take_serving(d, pid))
			return;
	} else if (d->program && now >= d->give_up) {
		log_error("containerd: does not serve, killing it");
		process_kill(d, SIGKILL);
		d->doubled += d->doubled < SERVE_DOUBLED;
		d->give_up = now + STOP_US;
	} else if (d->program && now - d->started >= PATIENCE_US) {
		rival_end(d);
	}
	look_later(d);
}

static void timer_fired(struct loop_timer *timer)
{
	struct daemon *d = timer->data;

	switch (d->state) {
	case DAEMON_DOWN:
		start(d);
		return;
	case DAEMON_STARTING:
		starting_look(d);
		return;
	case DAEMON_STOPPING:
		log_warn("containerd does not end, killing it");
		process_kill(d, SIGKILL);
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
	d->pid = 0;
	if (d->record >= 0)
		recorded_write(d->record, 0, NULL); /* it is told from later ones by its start, too */
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

static int program_recorded(void *data, pid_t pid, struct error *err)
{
	const struct daemon *d = data;

	return recorded_write(d->record, pid, err) < 0 ? error_wrap(err, "%s", RECORD_PATH) : 0;
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
	return spawn(&(struct spawn){ .path = d->program,
				      .argv = argv,
				      .env = env,
				      .fds = fds,
				      .fd_count = 2,
				      .recorded = program_recorded,
				      .recorded_data = d },
		     err);
}

static void start(struct daemon *d)
{
	_cleanup_error_ struct error err = { 0 };
	pid_t pid = 0;

	if (answers(d, &pid) && take_serving(d, pid))
		return;
	/* The socket of one that was killed stays: containerd itself replaces it. */
	d->state = DAEMON_STARTING;
	d->started = loop_now();
	d->give_up = d->started + (d->serve << d->doubled);
	if (d->capture.loop)
		capture_begin(&d->capture);
	d->callbacks.starting(d->callbacks.data);
	pid = program_spawn(d, &err);
	d->child = (struct loop_child){ .fn = child_ended, .data = d };
	if (pid > 0 && loop_child_add(d->loop, &d->child, pid, &err) < 0) {
		kill(pid, SIGKILL);
		pid = -1;
	}
	if (pid < 0) {
		ended(d, error_text(&err));
		return;
	}
	d->pid = pid;
	loop_timer_after(d->loop, &d->timer, PATIENCE_US, NULL);
}

/* That of the supervisor before this one, or anybody's that serves; else a new one. */
static void take_or_start(struct daemon *d)
{
	uint64_t age = 0;
	pid_t pid = 0;
	int pidfd = recorded_process(d->record, &pid, &age);

	if (pidfd < 0 || take(d, pidfd, pid, age) < 0)
		start(d);
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
	    capture_open(&d->capture, d->loop, d->logs, SUPERVISOR_RUN_DIR "/.containerd", "containerd", err) < 0)
		return -1;
	d->record = recorded_open(RECORD_PATH, err);
	if (d->record < 0)
		return -1;
	take_or_start(d);
	return 0;
}

struct daemon *daemon_new(struct loop *loop, const char *program, const char *socket, const char *settings,
			  const char *logs, const struct daemon_callbacks *callbacks, struct error *err)
{
	struct daemon *d = calloc(1, sizeof(*d));

	if (!d) {
		error_set(err, ENOMEM, "containerd");
		return NULL;
	}
	*d = (struct daemon){ .loop = loop,
			      .program = program,
			      .socket = socket,
			      .settings = settings,
			      .logs = logs,
			      .out = -1,
			      .err = -1,
			      .record = -1,
			      .serve = SERVE_US };
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
	d->give_up = loop_now() + d->serve;
	loop_timer_after(d->loop, &d->timer, LOOK_US, NULL);
}

uint64_t daemon_patience(const struct daemon *d)
{
	return d->serve;
}

void daemon_silent(struct daemon *d)
{
	log_error("containerd: %s does not answer%s", d->socket, d->program ? ", killing it" : "");
	if (d->program)
		process_kill(d, SIGKILL);
}

void daemon_stop(struct daemon *d)
{
	loop_timer_disarm(&d->timer);
	d->state = DAEMON_STOPPING;
	if (!loop_io_active(&d->child.io) && d->adopted.fd < 0) {
		ended(d, "");
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
	cleanup_close(&d->out);
	cleanup_close(&d->err);
	capture_close(&d->capture);
	strv_free(d->options);
	free(d);
}
