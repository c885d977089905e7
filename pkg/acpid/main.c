/* acpid: what happens when somebody presses a button of the machine, or closes its lid.
 *
 * Two processes (split.h). The reader: input devices (devices.c), or lines of a file (lines.c), bring events; the table
 * says which they are (table.c), and the actor gets the number of the row. The actor runs the hook of /etc/acpi
 * (hooks.c). A power button without a hook, or whose hook cannot be started, powers the machine off. Options and files
 * are those of busybox's acpid. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acpid.h"
#include "io.h"
#include "log.h"
#include "program.h"
#include "split.h"
#include "str.h"

/* Of a map or action file. */
#define TEXT_MAX 65536

struct options {
	const char *hooks, *log, *actions, *map, *events, *pidfile;
	bool foreground, debug;
};

struct acpid {
	struct table table;
	struct split split;
	struct loop *loop; /* of the one or the other process */
	struct hooks *hooks;
};

/* --- the actor --------------------------------------------------------------------------------------- */

static void machine_off(void)
{
	if (getpid() == 1 || kill(1, 0) < 0) {
		log_error("cannot power the machine off: this container sees no PID 1 but its own (pid: host)");
		return;
	}
	log_info("powering the machine off");
	if (kill(1, SIGUSR2) < 0)
		log_error("tell PID 1: %s", strerror(errno));
}

static void event_act(struct acpid *a, const char *description)
{
	const char *hook = table_action(&a->table, description);
	_cleanup_error_ struct error err = { 0 };
	int r = 1;

	log_info("%s", description);
	if (hook)
		r = hooks_run(a->hooks, hook, &err);
	if (r == 0)
		return;
	if (r < 0)
		log_error("%s", error_text(&err));
	if (str_starts(description, "button/power"))
		machine_off();
	else if (r > 0)
		log_warn("no hook was run: %s", hook ? error_text(&err) : "no action has a word of this event");
}

static void row_heard(void *data, uint32_t row)
{
	struct acpid *a = data;

	if (row < a->table.event_count)
		event_act(a, a->table.events[row].description);
}

static void reader_ended(void *data, int status)
{
	struct acpid *a = data;

	if (status > 128)
		log_error("the process that reads events was killed by signal %d", status - 128);
	loop_quit(a->loop, status != 0);
}

/* --- the reader -------------------------------------------------------------------------------------- */

static void event_happened(void *data, size_t row)
{
	struct acpid *a = data;
	_cleanup_error_ struct error err = { 0 };

	if (split_say(&a->split, (uint32_t)row, &err) < 0)
		log_error("%s: %s", a->table.events[row].description, error_text(&err));
}

/* --- setting up -------------------------------------------------------------------------------------- */

typedef int parse_fn(struct table *t, const char *text, size_t n, struct error *err);
typedef int default_fn(struct table *t, struct error *err);

static int file_parse(struct table *t, const char *path, parse_fn *parse, default_fn *otherwise, struct error *err)
{
	_cleanup_buf_ struct buf text = { 0 };

	if (file_read(path, TEXT_MAX, &text, err) < 0) {
		if (err->code != ENOENT)
			return -1;
		error_clear(err);
		return otherwise(t, err);
	}
	return parse(t, buf_text(&text), text.len, err) < 0 ? error_wrap(err, "%s", path) : 0;
}

/* Messages, and what hooks say. */
static int log_open(const char *path, struct error *err)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC, 0644);

	if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
		return error_set(err, errno, "%s", path);
	return 0;
}

static int pidfile_write(const struct options *o, struct error *err)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%d\n", (int)getpid());

	return !o->pidfile ? 0 : file_write(o->pidfile, text, (size_t)n, 0644, err);
}

static void on_signal(void *data, int signo)
{
	if (signo == SIGTERM || signo == SIGINT || signo == SIGQUIT)
		loop_quit(data, 0);
}

static int loop_begin(struct acpid *a, struct error *err)
{
	sigset_t signals;

	a->loop = loop_new(err);
	loop_signals_fill(&signals);
	return a->loop ? loop_signals(a->loop, &signals, on_signal, a->loop, err) : -1;
}

static int reader_run(struct acpid *a, const struct options *o, struct error *err)
{
	if (loop_begin(a, err) < 0)
		return -1;
	if (o->events ? lines_watch(a->loop, o->events, &a->table, event_happened, a, err) < 0
		      : !devices_watch(a->loop, "/dev/input", &a->table, event_happened, a, err))
		return -1;
	return reader_confine(err) < 0 ? -1 : loop_run(a->loop, err);
}

static int actor_run(struct acpid *a, const struct options *o, struct error *err)
{
	a->split.heard = row_heard;
	a->split.ended = reader_ended;
	a->split.data = a;
	if (loop_begin(a, err) < 0 || !(a->hooks = hooks_new(a->loop, o->hooks, err)) ||
	    split_watch(&a->split, a->loop, err) < 0)
		return -1;
	return loop_run(a->loop, err);
}

static int acpid_run(const struct options *o, struct error *err)
{
	static struct acpid a;
	int r;

	if (file_parse(&a.table, o->actions, table_actions_parse, table_actions_default, err) < 0 ||
	    file_parse(&a.table, o->map, table_events_parse, table_events_default, err) < 0)
		return -1;
	/* from here on it is another process */
	if (!o->foreground && !o->debug && daemon(1, 1) < 0)
		return error_set(err, errno, "go to the background");
	if ((!o->debug && log_open(o->log, err) < 0) || pidfile_write(o, err) < 0)
		return -1;
	r = split_begin(&a.split, "acpid-reader", err);
	if (r <= 0)
		return r < 0 ? -1 : reader_run(&a, o, err);
	r = actor_run(&a, o, err);
	if (o->pidfile)
		unlink(o->pidfile);
	return r;
}

#define FIELD(name) .field = offsetof(struct options, name)

static const struct option options[] = {
	{ "debug", 'd', .set = option_set_switch, FIELD(debug),
	  .help = "messages to standard error, not to the log; implies -f" },
	{ "foreground", 'f', .set = option_set_switch, FIELD(foreground), .help = "stay in the foreground" },
	{ "hooks", 'c', .argument = "DIR", .set = option_set_text, FIELD(hooks), .help = "folder of hooks, /etc/acpi" },
	{ "log", 'l', .argument = "FILE", .set = option_set_text, FIELD(log), .help = "log, /var/log/acpid.log" },
	{ "actions", 'a', .argument = "FILE", .set = option_set_text, FIELD(actions),
	  .help = "which hook is run, /etc/acpid.conf" },
	{ "map", 'M', .argument = "FILE", .set = option_set_text, FIELD(map),
	  .help = "which events there are, /etc/acpi.map" },
	{ "events", 'e', .argument = "FILE", .set = option_set_text, FIELD(events),
	  .help = "events are lines of this file, in place of /dev/input" },
	{ "pidfile", 'p', .argument = "FILE", .set = option_set_text, FIELD(pidfile), .help = "process id" },
	/* Other programs of that name have these; they mean nothing here. */
	{ "socketgroup", 'g', .argument = "GROUP", .set = option_set_nothing },
	{ "socketmode", 'm', .argument = "MODE", .set = option_set_nothing },
	{ "socketfile", 's', .argument = "FILE", .set = option_set_nothing },
	{ "lockfile", 'S', .argument = "FILE", .set = option_set_nothing },
	{ "verbose", 'v', .set = option_set_nothing },
	{ "help", 'h', .help = "print this help" },
	{ 0 },
};

static const struct program program = {
	.name = "acpid",
	.text = "Runs a hook when somebody presses a button of the machine, or closes its lid.",
	.options = options,
	.letters_cluster = true,
};

int main(int argc, char **argv)
{
	_cleanup_error_ struct error err = { 0 };
	struct options o = {
		.hooks = "/etc/acpi", .log = "/var/log/acpid.log", .actions = "/etc/acpid.conf", .map = "/etc/acpi.map"
	};
	int r;

	(void)argc;
	io_fill_standard();
	log_setup("acpid", LOG_LEVEL_INFO, false);
	r = program_line(&program, argv, &o);
	if (r >= 0)
		return r;
	signal(SIGPIPE, SIG_IGN);
	r = acpid_run(&o, &err);
	if (r < 0)
		log_error("%s", error_text(&err));
	return r < 0 ? 1 : r;
}
