#include "job.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io.h"
#include "jsonr.h"
#include "spawn.h"
#include "str.h"

enum { SAID_MAX = 16 << 10, MESSAGE_MAX = 4096 };

/* --- its output ---------------------------------------------------------------------------------------------- */

static bool output_read(struct job *job, int fd)
{
	uint8_t *room = buf_reserve(&job->said, 4096);
	char drop[4096];
	ssize_t n = read(fd, room ? room : (uint8_t *)drop, 4096);

	if (n <= 0)
		return n < 0 && errno == EINTR;
	if (room)
		buf_commit(&job->said, (size_t)n);
	/* The reason comes last. */
	if (job->said.len > SAID_MAX)
		buf_consume(&job->said, job->said.len - SAID_MAX);
	return true;
}

static void output_ready(struct loop_io *io, uint32_t events)
{
	struct job *job = io->data;

	(void)events;
	errno = 0;
	if (!output_read(job, io->fd) && errno != EAGAIN)
		loop_io_remove(io); /* its end; the process's is another matter */
}

/* Text without the blanks around it. */
static char *job_trimmed(const char *s, size_t n)
{
	while (n > 0 && (s[n - 1] == '\n' || s[n - 1] == '\r' || s[n - 1] == ' '))
		n--;
	while (n > 0 && (*s == ' ' || *s == '\n')) {
		s++;
		n--;
	}
	if (n > MESSAGE_MAX)
		n = MESSAGE_MAX;
	return n > 0 ? strndup(s, n) : NULL;
}

char *job_message(const char *said, size_t n)
{
	_cleanup_free_ char *logged = NULL, *printed = NULL;
	const char *at = said, *end = said + n;

	while (at < end) {
		const char *eol = memchr(at, '\n', (size_t)(end - at)), *stop = eol ? eol : end;
		struct jsonr line, level, msg;

		if (jsonr_parse(at, (size_t)(stop - at), &line, NULL) == 0 && line.type == JSONR_OBJECT) {
			level = jsonr_get(&line, "level");
			msg = jsonr_get(&line, "msg");
			if (jsonr_is(&level, "error") && msg.type == JSONR_STRING) {
				_cleanup_free_ char *text = jsonr_text(&msg);

				free(logged);
				logged = text ? job_trimmed(text, strlen(text)) : NULL;
			}
		} else {
			char *text = job_trimmed(at, (size_t)(stop - at));

			if (text) {
				free(printed);
				printed = text;
			}
		}
		at = eol ? eol + 1 : end;
	}
	return logged ? steal_ptr(&logged) : steal_ptr(&printed);
}

static int outputs_watch(struct job *job, const int *heard, struct error *err)
{
	for (size_t i = 0; heard && i < array_len(job->heard); i++) {
		job->heard[i].fd = heard[i];
		if (heard[i] >= 0 && io_nonblock(heard[i]) < 0)
			return error_set(err, errno, "output of the runtime");
		if (heard[i] >= 0 && loop_io_add(job->loop, &job->heard[i], err) < 0)
			return -1;
	}
	return loop_io_add(job->loop, &job->output, err);
}

static void outputs_forget(struct job *job)
{
	loop_io_remove(&job->output);
	for (size_t i = 0; i < array_len(job->heard); i++)
		loop_io_remove(&job->heard[i]);
	if (job->output.fd >= 0)
		close(job->output.fd);
	job->output.fd = -1;
}

void job_hear(struct job *job, int fd)
{
	if (fd >= 0 && io_nonblock(fd) == 0)
		while (output_read(job, fd))
			;
}

/* --- the process ----------------------------------------------------------------------------------------------- */

static void job_release(struct job *job)
{
	exit_watch_remove(&job->exit);
	if (job->running)
		reaper_release(job->reaper);
	outputs_forget(job);
	job->running = false;
}

static void job_exited(struct exit_watch *watch, int status)
{
	struct job *job = watch->data;
	job_fn *done = job->done;

	job->status = status;
	job_hear(job, job->output.fd);
	for (size_t i = 0; i < array_len(job->heard); i++)
		job_hear(job, job->heard[i].fd);
	/* The caller looks for the process that the runtime left behind: the hold ends after that. */
	job->running = false;
	outputs_forget(job);
	reaper_hold(job->reaper);
	reaper_release(job->reaper);
	done(job);
}

static pid_t job_spawn(const struct job_spec *spec, int log, struct error *err)
{
	struct spawn_fd fds[5] = { { log, JOB_LOG_FD } };
	struct spawn s = {
		.path = spec->argv[0],
		.argv = spec->argv,
		.fds = fds,
		.fd_count = 1,
		.death_signal = SIGKILL,
		.plain_oom_score = true,
	};
	_cleanup_error_ struct error e = { 0 };
	pid_t pid;

	if (spec->input >= 0)
		fds[s.fd_count++] = (struct spawn_fd){ spec->input, spec->input_is_stdin ? 0 : JOB_INPUT_FD };
	for (int i = 0; i < 3; i++) {
		int fd = spec->stdio ? spec->stdio[i] : i > 0 ? log : -1;

		if (fd >= 0)
			fds[s.fd_count++] = (struct spawn_fd){ fd, i };
	}
	pid = spawn(&s, &e);
	/* The words by which clients know this case. */
	if (pid < 0 && e.code == ENOENT && !strchr(s.path, '/'))
		error_set(err, 0, "exec: \"%s\": executable file not found in $PATH", s.path);
	else if (pid < 0)
		error_move(err, &e);
	return pid;
}

int job_start(struct job *job, struct loop *loop, struct reaper *reaper, const struct job_spec *spec, job_fn *done,
	      struct error *err)
{
	_cleanup_close_ int log = -1;
	int pipefd[2];

	if (pipe2(pipefd, O_CLOEXEC) < 0)
		return error_set(err, errno, "%s", spec->argv[0]);
	log = pipefd[1];
	buf_free(&job->said);
	job->done = done;
	job->loop = loop;
	job->reaper = reaper;
	job->killed = false;
	job->status = 0;
	job->output = (struct loop_io){ .fd = pipefd[0], .events = EPOLLIN, .fn = output_ready, .data = job };
	for (size_t i = 0; i < array_len(job->heard); i++)
		job->heard[i] = (struct loop_io){ .fd = -1, .events = EPOLLIN, .fn = output_ready, .data = job };
	job->exit = (struct exit_watch){ .fn = job_exited, .data = job };
	job->pid = -1;
	if (io_nonblock(pipefd[0]) < 0)
		error_set(err, errno, "%s", spec->argv[0]);
	else
		job->pid = job_spawn(spec, log, err);
	if (job->pid > 0) {
		reaper_hold(reaper);
		job->running = true;
		if (exit_watch_add(reaper, &job->exit, job->pid, err) == 0 && outputs_watch(job, spec->heard, err) == 0)
			return 0;
		kill(job->pid, SIGKILL);
	}
	job_release(job);
	return -1;
}

void job_kill(struct job *job)
{
	if (!job->running)
		return;
	job->killed = true;
	kill(job->pid, SIGKILL);
}

void job_drop(struct job *job)
{
	if (job->running) {
		kill(job->pid, SIGKILL);
		job_release(job);
	}
	buf_free(&job->said);
}

bool job_succeeded(const struct job *job)
{
	return job->status == 0;
}

bool job_was_killed(const struct job *job)
{
	return WIFSIGNALED(job->status);
}

int job_error(const struct job *job, const char *what, struct error *err)
{
	_cleanup_free_ char *message = job->said.len ? job_message(buf_text(&job->said), job->said.len) : NULL;

	if (job->killed)
		return error_set(err, ETIMEDOUT, "%s: the runtime was stopped", what);
	if (message)
		return error_set(err, 0, "%s: %s", what, message);
	return error_set(err, 0, "%s: the runtime ended with %s", what, spawn_status_text(job->status));
}
