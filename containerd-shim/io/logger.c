#include "logger.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "spawn.h"
#include "str.h"

enum {
	READY_US = 10 * 1000000, /* to become ready */
	DRAIN_US = 2 * 1000000,  /* to end by itself once it has been left */
	TERM_US = 2 * 1000000,   /* to end after SIGTERM */
};

struct logger {
	struct loop *loop;
	struct exit_watch exit;
	pid_t pid;
	bool exited, left, told, strict;
	struct loop_io ready_io;
	struct loop_timer timer;
	logger_ready_fn *ready;
	logger_exited_fn *exited_fn;
	void *data;
};

static void logger_free(struct logger *l)
{
	loop_timer_disarm(&l->timer);
	loop_io_remove(&l->ready_io);
	if (l->ready_io.fd >= 0)
		close(l->ready_io.fd);
	exit_watch_remove(&l->exit);
	free(l);
}

static void is_ready(struct logger *l, const struct error *err)
{
	logger_ready_fn *fn = l->ready;

	l->ready = NULL;
	loop_timer_disarm(&l->timer);
	loop_io_remove(&l->ready_io);
	close(l->ready_io.fd);
	l->ready_io.fd = -1;
	fn(l->data, err);
}

static void ready_readable(struct loop_io *io, uint32_t events)
{
	struct logger *l = io->data;
	_cleanup_error_ struct error e = { 0 };
	char byte;
	ssize_t n = read(io->fd, &byte, 1);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == 0 && l->strict)
		error_set(&e, 0, "logging program ended without being ready");
	else if (n < 0)
		error_set(&e, errno, "logging program");
	is_ready(l, e.msg ? &e : NULL);
}

static void timer_passed(struct loop_timer *timer)
{
	struct logger *l = timer->data;
	_cleanup_error_ struct error e = { 0 };

	if (l->ready) {
		error_set(&e, ETIMEDOUT, "logging program does not become ready");
		is_ready(l, &e);
		return;
	}
	kill(l->pid, l->told ? SIGKILL : SIGTERM);
	l->told = true;
	if (loop_timer_after(l->loop, timer, TERM_US, NULL) < 0)
		kill(l->pid, SIGKILL);
}

static void has_exited(struct exit_watch *watch, int status)
{
	struct logger *l = watch->data;

	(void)status;
	l->exited = true;
	if (l->left)
		logger_free(l);
	else if (l->exited_fn)
		l->exited_fn(l->data);
}

static pid_t logger_spawn(const struct uri *uri, const char *id, const char *namespace, int out, int err_fd, int ready,
			  struct error *err)
{
	_cleanup_strv_ char **argv = NULL, **env = NULL;
	const struct spawn_fd fds[] = { { out, 3 }, { err_fd, 4 }, { ready, 5 } };
	struct spawn s = { .path = uri->path, .fds = fds, .fd_count = array_len(fds), .plain_oom_score = true };
	const char *path = getenv("PATH");
	bool good = strv_add(&argv, uri->path) == 0 && strv_addf(&env, "CONTAINER_ID=%s", id) == 0 &&
		strv_addf(&env, "CONTAINER_NAMESPACE=%s", namespace) == 0 &&
		(!path || strv_addf(&env, "PATH=%s", path) == 0);

	for (char **a = uri->args; good && a && *a; a++)
		good = strv_add(&argv, *a) == 0;
	if (!good)
		return error_set(err, ENOMEM, "logging program");
	s.argv = argv;
	s.env = env;
	return spawn(&s, err);
}

struct logger *logger_start(struct loop *loop, struct reaper *reaper, const struct uri *uri, const char *id,
			    const char *namespace, int out, int err_fd, logger_ready_fn *ready,
			    logger_exited_fn *exited, void *data, struct error *err)
{
	struct logger *l = calloc(1, sizeof(*l));
	int pipefd[2];

	if (!l) {
		error_set(err, ENOMEM, "logging program");
		return NULL;
	}
	*l = (struct logger){ .loop = loop, .ready = ready, .exited_fn = exited, .data = data };
	l->strict = uri->scheme == URI_BINARY_V2;
	l->ready_io = (struct loop_io){ .fd = -1, .events = EPOLLIN, .fn = ready_readable, .data = l };
	l->exit = (struct exit_watch){ .fn = has_exited, .data = l };
	l->timer = (struct loop_timer){ .fn = timer_passed, .data = l };
	if (pipe2(pipefd, O_CLOEXEC) < 0) {
		error_set(err, errno, "logging program");
		logger_free(l);
		return NULL;
	}
	l->ready_io.fd = pipefd[0];
	l->pid = logger_spawn(uri, id, namespace, out, err_fd, pipefd[1], err);
	close(pipefd[1]);
	if (l->pid < 0 || exit_watch_add(reaper, &l->exit, l->pid, err) < 0 ||
	    loop_io_add(loop, &l->ready_io, err) < 0 || loop_timer_after(loop, &l->timer, READY_US, err) < 0) {
		if (l->pid > 0)
			kill(l->pid, SIGKILL);
		logger_free(l);
		return NULL;
	}
	return l;
}

bool logger_pending(const struct logger *l)
{
	return l->ready != NULL;
}

bool logger_exited(const struct logger *l)
{
	return l->exited;
}

void logger_leave(struct logger *l)
{
	if (!l)
		return;
	if (l->exited) {
		logger_free(l);
		return;
	}
	l->left = true;
	l->ready = NULL;
	loop_io_remove(&l->ready_io);
	if (loop_timer_after(l->loop, &l->timer, DRAIN_US, NULL) < 0)
		kill(l->pid, SIGKILL);
}
