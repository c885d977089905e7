/* acpid: what happens when somebody presses a button of the machine, or closes its lid.
 *
 * One event loop: input devices (devices.c), or lines of a file (lines.c), bring events; the table says what each means
 * (table.c); the hook of /etc/acpi is run for it (hooks.c). A power button without a hook, or whose hook cannot be
 * started, powers the machine off. Options and files are those of busybox's acpid. */
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
#include "str.h"

static const char usage[] = "usage: acpid [-df] [-c DIR] [-l FILE] [-a FILE] [-M FILE] [-e FILE] [-p FILE]\n"
			    "  -d       messages to standard error (implies -f)\n"
			    "  -f       stay in the foreground\n"
			    "  -c DIR   folder of hooks (/etc/acpi)\n"
			    "  -l FILE  log, without -d (/var/log/acpid.log)\n"
			    "  -a FILE  actions (/etc/acpid.conf)\n"
			    "  -M FILE  map of events (/etc/acpi.map)\n"
			    "  -e FILE  events as lines of this file, in place of /dev/input\n"
			    "  -p FILE  process id\n";

/* Of a map or action file. */
#define TEXT_MAX 65536

struct options {
	const char *hooks, *log, *actions, *map, *events, *pidfile;
	bool foreground, debug;
};

struct acpid {
	struct table table;
	struct hooks *hooks;
};

/* --- events ------------------------------------------------------------------------------------------ */

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

static void event_happened(void *data, const char *description)
{
	struct acpid *a = data;
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

static int acpid_run(const struct options *o, struct error *err)
{
	static struct acpid a;
	struct loop *loop = loop_new(err);
	sigset_t signals;
	int r;

	loop_signals_fill(&signals);
	if (!loop || file_parse(&a.table, o->actions, table_actions_parse, table_actions_default, err) < 0 ||
	    file_parse(&a.table, o->map, table_events_parse, table_events_default, err) < 0)
		return -1;
	/* from here on it is another process */
	if (!o->foreground && daemon(1, 1) < 0)
		return error_set(err, errno, "go to the background");
	if ((!o->debug && log_open(o->log, err) < 0) || pidfile_write(o, err) < 0 ||
	    loop_signals(loop, &signals, on_signal, loop, err) < 0 || !(a.hooks = hooks_new(loop, o->hooks, err)))
		return -1;
	if (o->events ? lines_watch(loop, o->events, &a.table, event_happened, &a, err) < 0
		      : !devices_watch(loop, "/dev/input", &a.table, event_happened, &a, err))
		return -1;
	r = loop_run(loop, err);
	if (o->pidfile)
		unlink(o->pidfile);
	return r;
}

/* -g, -m, -s, -S and -v are other programs' of that name, and mean nothing here. */
static int options_parse(struct options *o, int argc, char **argv)
{
	int c;

	*o = (struct options){
		.hooks = "/etc/acpi", .log = "/var/log/acpid.log", .actions = "/etc/acpid.conf", .map = "/etc/acpi.map"
	};
	while ((c = getopt(argc, argv, "c:de:fl:a:M:p:g:m:s:S:v")) != -1) {
		switch (c) {
		case 'c':
			o->hooks = optarg;
			break;
		case 'd':
			o->debug = o->foreground = true;
			break;
		case 'e':
			o->events = optarg;
			break;
		case 'f':
			o->foreground = true;
			break;
		case 'l':
			o->log = optarg;
			break;
		case 'a':
			o->actions = optarg;
			break;
		case 'M':
			o->map = optarg;
			break;
		case 'p':
			o->pidfile = optarg;
			break;
		case '?':
			return -1;
		default:
			break;
		}
	}
	return optind == argc ? 0 : -1;
}

int main(int argc, char **argv)
{
	_cleanup_error_ struct error err = { 0 };
	struct options o;
	int r;

	io_fill_standard();
	log_setup("acpid", LOG_LEVEL_INFO, false);
	opterr = 0;
	if (options_parse(&o, argc, argv) < 0)
		return fputs(usage, stderr), 2;
	signal(SIGPIPE, SIG_IGN);
	r = acpid_run(&o, &err);
	if (r < 0)
		log_error("%s", error_text(&err));
	return r < 0 ? 1 : r;
}
