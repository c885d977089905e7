/* logwrite: runs a command whose output goes to the log as well as where it would go without: standard output as
 * NAME.out, standard error as NAME. It ends when the command has, and nobody has its streams any more. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io.h"
#include "log.h"
#include "loop.h"
#include "memlogd.h"
#include "program.h"
#include "programs.h"
#include "spawn.h"
#include "str.h"

struct stream {
	struct logwrite *all;
	struct loop_io io; /* what the command writes */
	int give, copy;    /* the command's end; our own standard output or error */
	int log;           /* -1: memlogd is gone */
	char *name;
};

struct logwrite {
	struct loop *loop;
	struct loop_child child;
	pid_t pid;
	int status, open;
	const char *socket, *name;
	struct stream streams[2];
};

static void part_ended(struct logwrite *w)
{
	if (--w->open == 0)
		loop_quit(w->loop, spawn_status_code(w->status));
}

/* One that was started again without its descriptors is asked once more; what it has not taken is lost. */
static void stream_log(struct stream *s, const char *bytes, size_t n)
{
	for (int tries = 0; tries < 2; tries++) {
		if (s->log >= 0 && io_write(s->log, bytes, n) == 0)
			return;
		cleanup_close(&s->log);
		s->log = memlogd_open_at(s->all->socket, s->name, NULL);
	}
}

static void stream_ready(struct loop_io *io, uint32_t events)
{
	struct stream *s = io->data;
	char bytes[16384];
	ssize_t n = read(io->fd, bytes, sizeof(bytes));

	(void)events;
	if (n < 0 && errno == EINTR)
		return;
	if (n <= 0) {
		loop_io_remove(io);
		part_ended(s->all);
		return;
	}
	stream_log(s, bytes, (size_t)n);
	(void)!io_write(s->copy, bytes, (size_t)n); /* nobody there: the log has it */
}

static void command_ended(struct loop_child *child, int status)
{
	struct logwrite *w = child->data;

	w->pid = 0;
	w->status = status;
	part_ended(w);
}

static void signal_pass(void *data, int signo)
{
	struct logwrite *w = data;

	if (w->pid > 0 && signo != SIGCHLD)
		kill(w->pid, signo);
}

static int stream_open(struct logwrite *w, struct stream *s, char *name, int copy, struct error *err)
{
	int ends[2];

	if (!name)
		return error_set(err, ENOMEM, "a name");
	*s = (struct stream){ .all = w, .copy = copy, .name = name };
	s->log = memlogd_open_at(w->socket, name, err);
	if (s->log < 0)
		return -1;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set(err, errno, "a pipe");
	s->give = ends[1];
	s->io = (struct loop_io){ .fd = ends[0], .events = EPOLLIN, .fn = stream_ready, .data = s };
	w->open++;
	return loop_io_add(w->loop, &s->io, err);
}

static int command_run(struct logwrite *w, const char *name, char **argv, struct error *err)
{
	struct spawn_fd fds[] = { { STDIN_FILENO, 0 }, { -1, 1 }, { -1, 2 } };
	struct spawn s = { .path = argv[0], .argv = argv, .fds = fds, .fd_count = array_len(fds) };
	sigset_t signals;

	w->loop = loop_new(err);
	loop_signals_fill(&signals);
	if (!w->loop || loop_signals(w->loop, &signals, signal_pass, w, err) < 0 ||
	    stream_open(w, &w->streams[0], str_format("%s.out", name), STDOUT_FILENO, err) < 0 ||
	    stream_open(w, &w->streams[1], strdup(name), STDERR_FILENO, err) < 0)
		return -1;
	fds[1].from = w->streams[0].give;
	fds[2].from = w->streams[1].give;
	w->pid = spawn(&s, err);
	if (w->pid < 0)
		return -1;
	w->open++;
	w->child = (struct loop_child){ .fn = command_ended, .data = w };
	close(w->streams[0].give);
	close(w->streams[1].give);
	if (loop_child_add(w->loop, &w->child, w->pid, err) < 0)
		return -1;
	return loop_run(w->loop, err);
}

static const struct option options[] = {
	{ .name = "name",
	  .letter = 'n',
	  .argument = "NAME",
	  .set = option_set_text,
	  .field = offsetof(struct logwrite, name),
	  .help = "the source's name, the command's own unless given" },
	{ .name = "socket",
	  .argument = "PATH",
	  .set = option_set_text,
	  .field = offsetof(struct logwrite, socket),
	  .help = "memlogd's socket, /var/run/linuxkit-external-logging.sock" },
	{ .name = "help", .letter = 'h', .help = "print this help" },
	{ 0 },
};

static const struct program program = {
	.name = "logwrite",
	.words = "COMMAND [ARG...]",
	.text = "Runs a command; memlogd gets its standard output as NAME.out, its standard error as NAME.",
	.options = options,
};

int logwrite_main(char **argv)
{
	struct logwrite w = { .socket = "/var/run/linuxkit-external-logging.sock" };
	_cleanup_error_ struct error err = { 0 };
	int r = program_line(&program, argv, &w);

	if (r >= 0)
		return r;
	if (!argv[1]) {
		log_error("no command is given");
		return 1; /* LinuxKit's */
	}
	r = command_run(&w, w.name && *w.name ? w.name : argv[1], argv + 1, &err);
	if (r < 0)
		log_error("%s", error_text(&err));
	return r < 0 ? 1 : r;
}
