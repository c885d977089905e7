/* vsudd: vsock ports of the guest to its Unix sockets, and Unix sockets of the guest to vsock ports elsewhere. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

#include "confine.h"
#include "io.h"
#include "log.h"
#include "str.h"
#include "unixsock.h"
#include "vsudd.h"

enum { FORWARDS_MAX = 64 };

static const char help[] =
	"usage: vsudd [-inport PORT:unix:PATH]... [-outport unix:PATH:CID:PORT]... [OPTION...]\n"
	"  -inport PORT:unix:PATH      connections to this vsock port go to the Unix socket\n"
	"  -from CID                   who may connect to the vsock ports: host (the default), any, or a context id;\n"
	"                              with any, so may every container of this machine\n"
	"  -outport unix:PATH:CID:PORT connections to the Unix socket go to this vsock port\n"
	"  -syslog PORT[:PATH]         messages to the socket at PATH (/dev/log) go to this port of the host\n"
	"  -user UID[:GID]             runs as this user once it listens\n"
	"  -pidfile FILE               writes its process id there\n"
	"  -detach                     leaves the terminal and logs to syslog\n"
	"A PORT may be the GUID of a Hyper-V service: 00000946-facb-11e6-bd58-64006a7986d3.\n";

struct options {
	struct forward forwards[FORWARDS_MAX];
	size_t count;
	char *syslog, *user, *pidfile;
	uint32_t from;
	bool detach, help;
};

/* --- command line ------------------------------------------------------------------------------------------------ */

static int forward_add(struct options *o, char *value, int (*parse)(char *, struct forward *, struct error *),
		       struct error *err)
{
	if (o->count == FORWARDS_MAX)
		return error_set(err, 0, "more than %d forwards", FORWARDS_MAX);
	if (parse(value, &o->forwards[o->count], err) < 0)
		return -1;
	o->count++;
	return 0;
}

static int option_set(struct options *o, const char *name, char *value, struct error *err)
{
	if (str_eq(name, "inport"))
		return forward_add(o, value, forward_parse_in, err);
	if (str_eq(name, "outport"))
		return forward_add(o, value, forward_parse_out, err);
	if (str_eq(name, "from"))
		return forward_parse_from(value, &o->from, err);
	if (str_eq(name, "syslog"))
		o->syslog = value;
	else if (str_eq(name, "user"))
		o->user = value;
	else
		o->pidfile = value;
	return 0;
}

/* One or two dashes; the value follows after a blank or "=". */
static int options_parse(int argc, char **argv, struct options *o, struct error *err)
{
	static const char *const names[] = { "inport", "outport", "from", "syslog", "user", "pidfile" };
	int i;
	size_t j;

	o->from = VMADDR_CID_HOST;
	for (i = 1; i < argc; i++) {
		char *name = argv[i], *value;

		if (name[0] != '-')
			return error_set(err, 0, "\"%s\": vsudd takes options only", name);
		name += name[1] == '-' ? 2 : 1;
		value = strchr(name, '=');
		if (value)
			*value++ = '\0';
		if (str_eq(name, "detach") || str_eq(name, "help") || str_eq(name, "h")) {
			*(name[0] == 'd' ? &o->detach : &o->help) = !value || !str_eq(value, "false");
			continue;
		}
		for (j = 0; j < array_len(names) && !str_eq(name, names[j]); j++)
			;
		if (j == array_len(names))
			return error_set(err, 0, "unknown option -%s: -help lists them", name);
		if (!value && ++i < argc)
			value = argv[i];
		if (!value)
			return error_set(err, 0, "option -%s needs a value", name);
		if (option_set(o, name, value, err) < 0)
			return -1;
	}
	if (!o->help && o->count == 0 && !o->syslog)
		return error_set(err, 0, "nothing to do: give -inport, -outport or -syslog");
	return 0;
}

/* --- what it is, and what it gives up ----------------------------------------------------------------------------- */

static int pidfile_write(const char *path, struct error *err)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%d", (int)getpid());

	return file_write(path, text, (size_t)n, 0600, err);
}

/* Standard streams to /dev/null, messages to the guest's syslog. */
static int vsudd_detach(struct error *err)
{
	struct sockaddr_un address;
	_cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC), log = -1;
	int i;

	unixsock_address(&address, -1, NULL, "/dev/log");
	log = unixsock_connect(&address, SOCK_DGRAM);
	if (log < 0)
		return error_set(err, errno, "syslog at /dev/log");
	for (i = 0; i < 3; i++)
		if (null < 0 || dup2(null, i) < 0)
			return error_set(err, errno, "/dev/null");
	log_to(steal_fd(&log));
	setsid(); /* fails for a leader of a group already, as the first process of a container is */
	return 0;
}

static int user_become(char *user, struct error *err)
{
	char *group = strchr(user, ':');
	uint64_t uid, gid;

	if (group)
		*group++ = '\0';
	if (str_to_u64(user, UINT32_MAX - 1, &uid) < 0 || str_to_u64(group ? group : user, UINT32_MAX - 1, &gid) < 0)
		return error_set(err, 0, "-user: numbers UID or UID:GID");
	if (setgroups(0, NULL) < 0 && errno != EPERM) /* nobody's groups can be given up */
		return error_set(err, errno, "setgroups");
	if (setresgid((gid_t)gid, (gid_t)gid, (gid_t)gid) < 0 || setresuid((uid_t)uid, (uid_t)uid, (uid_t)uid) < 0)
		return error_set(err, errno, "become user %u", (unsigned)uid);
	return 0;
}

static void limit_raise(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0) {
		l.rlim_cur = l.rlim_max;
		setrlimit(RLIMIT_NOFILE, &l); /* less is fine */
	}
}

/* --- the program ------------------------------------------------------------------------------------------------- */

static void on_signal(void *data, int signo)
{
	if (signo == SIGTERM || signo == SIGINT || signo == SIGQUIT)
		loop_quit(data, 0);
}

static int vsudd_run(struct options *o, struct error *err)
{
	struct loop *loop = loop_new(err);
	struct relays relays;
	sigset_t signals;
	size_t i;
	int r;

	if (!loop)
		return -1;
	loop_signals_fill(&signals);
	relays_init(&relays, loop);
	if (loop_signals(loop, &signals, on_signal, loop, err) < 0 ||
	    (o->pidfile && pidfile_write(o->pidfile, err) < 0))
		return -1;
	for (i = 0; i < o->count; i++) {
		o->forwards[i].from = o->from;
		if (forward_open(&o->forwards[i], &relays, err) < 0)
			return -1;
	}
	if ((o->syslog && !syslog_open(loop, o->syslog, err)) || (o->detach && vsudd_detach(err) < 0) ||
	    (o->user && user_become(o->user, err) < 0) || confine_relay(err) < 0)
		return -1;
	log_debug("%zu forwards", o->count);
	r = loop_run(loop, err);
	for (i = 0; i < o->count; i++)
		if (o->forwards[i].out)
			unlink(o->forwards[i].path); /* may be another user's directory now */
	return r;
}

int main(int argc, char **argv)
{
	static struct options o;
	_cleanup_error_ struct error e = { 0 };
	int r;

	io_fill_standard();
	log_setup("vsudd", LOG_LEVEL_INFO, false);
	if (options_parse(argc, argv, &o, &e) < 0) {
		log_error("%s", error_text(&e));
		return 2;
	}
	if (o.help) {
		r = fputs(help, stdout) < 0 || fflush(stdout) != 0;
		return r;
	}
	signal(SIGPIPE, SIG_IGN);
	limit_raise();
	r = vsudd_run(&o, &e);
	if (r < 0)
		log_error("%s", error_text(&e));
	return r < 0 ? 1 : r;
}
