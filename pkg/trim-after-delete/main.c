/* trim-after-delete: has a command run some time after Docker has deleted something, such as fstrim, so that the disk's
 * free room is the host's again.
 *
 *   CONNECTING -- the answer's head is there, and is Docker's --> LISTENING -- the stream ends --> WAITING
 *       ^                                                                                            |
 *       +------------------------------------ after a second ----------------------------------------+
 *
 * A deletion arms the timer, unless it is armed: many deletions are one run. When it fires the command is run; while
 * it runs, a further deletion arms the timer anew, and a command that still runs then is waited for.
 *
 * Two processes (split.h): the reader has the connection and the timer, the actor runs the command (command.c), which
 * needs rights that the reader does without. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "command.h"
#include "confine.h"
#include "event.h"
#include "http.h"
#include "io.h"
#include "log.h"
#include "loop.h"
#include "program.h"
#include "split.h"
#include "str.h"
#include "unixsock.h"

enum {
	EVENT_MAX = 1 << 20, /* bytes of one event: Docker's have the labels of a container in them */
	READ_BYTES = 16384,
};
#define RETRY_US 1000000

struct trim {
	struct loop *loop;
	const char *path; /* Docker's socket */
	uint64_t delay;
	struct command command;
	struct split split;

	struct loop_io io; /* not active: there is no connection */
	struct http_answer answer;
	bool docker; /* the answer is Docker's */
	bool told;   /* that it cannot be connected to */
	struct loop_timer retry;

	struct loop_timer due;
};

/* --- events ------------------------------------------------------------------------------------------- */

static void command_due(struct loop_timer *timer)
{
	struct trim *t = timer->data;
	_cleanup_error_ struct error err = { 0 };

	/* Whoever has not heard the last hundreds runs it for those. */
	if (split_say(&t->split, 0, &err) < 0 && err.code != EAGAIN)
		log_error("%s", error_text(&err));
}

static int something_deleted(struct trim *t, const char *what, struct error *err)
{
	if (loop_timer_armed(&t->due))
		return 0;
	log_info("Docker has deleted something (%s): %s in %.1f s", what, t->command.words, (double)t->delay / 1e6);
	return loop_timer_after(t->loop, &t->due, t->delay, err);
}

static void connection_end(struct trim *t, const char *why)
{
	_cleanup_error_ struct error err = { 0 };

	if (why)
		log_warn("%s: %s; trying again", t->path, why);
	loop_io_remove(&t->io);
	close(t->io.fd);
	http_answer_clear(&t->answer);
	if (loop_timer_after(t->loop, &t->retry, RETRY_US, &err) < 0)
		loop_quit(t->loop, 1);
}

/* One a line. */
static int events_take(struct trim *t, struct error *err)
{
	struct buf *body = &t->answer.body;
	char *newline;

	while (body->len && (newline = memchr(buf_text(body), '\n', body->len))) {
		const char *text = buf_text(body), *what;
		size_t n = (size_t)(newline - text);
		int r = n ? event_deletes(text, n, &what, err) : 0;

		if (r < 0 || (r > 0 && something_deleted(t, what, err) < 0))
			return -1;
		buf_consume(body, n + 1);
	}
	return 0;
}

/* Whether who answers is what it is taken for. */
static int answer_check(struct trim *t, struct error *err)
{
	_cleanup_free_ char *server = http_answer_header(&t->answer, "Server");

	if (!server || !str_starts(server, "Docker"))
		return error_say(err, EPROTO, "the server calls itself %s, and not Docker",
				 server ? server : "nothing");
	if (t->answer.status != 200)
		return error_set(err, 0, "status %u", t->answer.status);
	t->docker = true;
	t->told = false;
	log_info("listening to Docker's events");
	return 0;
}

static void answer_ready(struct loop_io *io, uint32_t events)
{
	struct trim *t = io->data;
	_cleanup_error_ struct error err = { 0 };
	uint8_t data[READ_BYTES];
	ssize_t n = read(io->fd, data, sizeof(data));
	int r;

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		connection_end(t, n < 0 ? strerror(errno) : "the connection has ended");
		return;
	}
	r = http_answer_feed(&t->answer, data, (size_t)n, &err);
	if (r >= 0 && !t->docker && t->answer.state > HTTP_HEADERS && answer_check(t, &err) < 0) {
		if (err.code == EPROTO) { /* another try would find the same */
			log_error("%s: %s", t->path, error_text(&err));
			loop_quit(t->loop, 1);
			return;
		}
		r = -1;
	}
	if (r >= 0 && events_take(t, &err) < 0)
		r = -1;
	if (r != 0)
		connection_end(t, r < 0 ? error_text(&err) : "the answer has ended");
}

static int request_send(struct trim *t, struct error *err)
{
	static const char request[] = "GET /events HTTP/1.1\r\nHost: docker\r\nUser-Agent: trim-after-delete\r\n\r\n";
	struct sockaddr_un address;
	_cleanup_close_ int fd = -1;

	if (unixsock_address(&address, AT_FDCWD, NULL, t->path) < 0)
		return error_set(err, errno, "%s", t->path);
	fd = unixsock_connect(&address, SOCK_STREAM);
	/* a socket that was just connected has room for a few bytes */
	if (fd < 0 || send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) != (ssize_t)sizeof(request) - 1)
		return error_set(err, errno, "connect to %s", t->path);
	t->answer = (struct http_answer){ .max = EVENT_MAX };
	t->docker = false;
	t->io = (struct loop_io){ .fd = fd, .events = EPOLLIN, .fn = answer_ready, .data = t };
	if (loop_io_add(t->loop, &t->io, err) < 0)
		return -1;
	steal_fd(&fd);
	return 0;
}

static void request_try(struct loop_timer *timer)
{
	struct trim *t = timer->data;
	_cleanup_error_ struct error err = { 0 };

	if (request_send(t, &err) == 0)
		return;
	if (!t->told)
		log_warn("%s; trying again every second", error_text(&err));
	t->told = true;
	if (loop_timer_after(t->loop, &t->retry, RETRY_US, &err) < 0)
		loop_quit(t->loop, 1);
}

/* --- the program -------------------------------------------------------------------------------------- */

static void on_signal(void *data, int signo)
{
	if (signo == SIGTERM || signo == SIGINT || signo == SIGQUIT)
		loop_quit(data, 0);
}

static int loop_begin(struct trim *t, struct error *err)
{
	sigset_t signals;

	loop_signals_fill(&signals);
	t->loop = t->command.loop = loop_new(err);
	return t->loop ? loop_signals(t->loop, &signals, on_signal, t->loop, err) : -1;
}

static int reader_run(struct trim *t, struct error *err)
{
	t->due = (struct loop_timer){ .fn = command_due, .data = t };
	t->retry = (struct loop_timer){ .fn = request_try, .data = t };
	if (loop_begin(t, err) < 0 || confine_relay(err) < 0)
		return -1;
	request_try(&t->retry);
	return loop_run(t->loop, err);
}

static void word_heard(void *data, uint32_t word)
{
	struct trim *t = data;

	(void)word; /* there is only one */
	command_run(&t->command);
}

static void reader_ended(void *data, int status)
{
	struct trim *t = data;

	if (status > 128)
		log_error("the process that listens to Docker was killed by signal %d", status - 128);
	loop_quit(t->loop, status != 0);
}

static int trim_run(struct trim *t, struct error *err)
{
	int r;

	t->command.words = strv_join(t->command.argv, " ");
	if (!t->command.words)
		return error_set(err, ENOMEM, "%s", t->command.argv[0]);
	r = split_begin(&t->split, "trim-reader", err);
	if (r <= 0)
		return r < 0 ? -1 : reader_run(t, err);
	t->split.heard = word_heard;
	t->split.ended = reader_ended;
	t->split.data = t;
	if (loop_begin(t, err) < 0 || split_watch(&t->split, t->loop, err) < 0)
		return -1;
	return loop_run(t->loop, err);
}

static int delay_set(void *data, const struct option *o, const char *value, struct error *err)
{
	struct trim *t = data;

	return duration_parse(value, &t->delay) < 0
		? error_set(err, 0, "--%s %s: a time such as 10s or 1m30s is wanted", o->name, value)
		: 0;
}

static const struct option options[] = {
	{ "docker-socket", .argument = "PATH", .set = option_set_text, .field = offsetof(struct trim, path),
	  .help = "Docker's socket, /var/run/docker.sock" },
	{ "delay", .argument = "DURATION", .set = delay_set,
	  .help = "how long after the first deletion the command is run, 10s" },
	{ "help", 'h', .help = "print this help" },
	{ 0 },
};

static const struct program program = {
	.name = "trim-after-delete",
	.words = "-- COMMAND [ARGUMENT...]",
	.text = "Runs a command, such as fstrim, some time after Docker has deleted an image, a container, a volume or "
		"its "
		"build cache.",
	.options = options,
};

int main(int argc, char **argv)
{
	_cleanup_error_ struct error err = { 0 };
	static struct trim t = { .path = "/var/run/docker.sock", .delay = 10000000 };
	int r;

	(void)argc;
	io_fill_standard();
	log_setup("trim-after-delete", LOG_LEVEL_INFO, false);
	r = program_line(&program, argv, &t);
	if (r >= 0)
		return r;
	t.command.argv = argv + 1;
	if (!argv[1]) {
		log_error("a command is wanted that is run after a deletion: `trim-after-delete --help` says more");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	r = trim_run(&t, &err);
	if (r < 0)
		log_error("%s", error_text(&err));
	return r < 0 ? 1 : r;
}
