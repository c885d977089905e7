/* `pith forward`: ports of the host that lead into a guest. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "allow.h"
#include "command.h"
#include "doors.h"
#include "forward_confine.h"
#include "host_policy.h"
#include "io.h"
#include "log.h"
#include "str.h"
#include "tunnel.h"
#include "unixsock.h"

/* A connection has two descriptors, four while much is carried. */
enum { DESCRIPTORS = 4 * FORWARDS_STREAMS };

struct options {
	const char *state, *guest, *allow;
	char **ports;
	uint64_t ready, life; /* 0: none */
	uint64_t udp_idle;
	bool background, unconfined;
};

struct program {
	struct options options;
	struct loop *loop;
	struct allow allow;
	struct tunnel tunnel;
	struct host_policy policy;
	struct forwards ports;
	struct doors doors;
	struct loop_io life;
	char *dir; /* the state directory, absolute */
	int state;
};

/* --- command line ------------------------------------------------------------------------------------------------- */

#define FIELD(name) offsetof(struct options, name)

static const struct option forward_table[] = {
	{ "state", .argument = "DIR", .set = option_set_text, .field = FIELD(state),
	  .help = "the machine's state directory: where the control socket is made, " CONTROL_SOCKET },
	{ "guest", .argument = "SOCKET", .set = option_set_text, .field = FIELD(guest),
	  .help = "leads to the guest's forwarder (DIR/guest.0000f3a5: vsock port 62373)" },
	{ "port", .argument = "SPEC", .set = option_set_list, .field = FIELD(ports),
	  .help = "opens a port, as tcp:127.0.0.1:8080:tcp:127.0.0.1:80; again for more" },
	{ "allow", .argument = "LIST", .set = option_set_text, .field = FIELD(allow),
	  .help = "what the guest may have opened: [ADDRESS:]PORT[-PORT][/tcp|/udp], with commas between, or none "
		  "(" ALLOW_DEFAULT ")" },
	{ "udp-idle", .argument = "SEC", .set = option_set_number, .field = FIELD(udp_idle), .min = 1, .max = 86400,
	  .help = "how long a client's datagrams are answered after the last one (90)" },
	{ "ready-fd", .argument = "N", .set = option_set_number, .field = FIELD(ready), .min = 3, .max = INT32_MAX },
	{ "life-fd", .argument = "N", .set = option_set_number, .field = FIELD(life), .min = 3, .max = INT32_MAX },
	{ "background", .set = option_set_switch, .field = FIELD(background) },
	{ "unconfined", .set = option_set_switch, .field = FIELD(unconfined),
	  .help = "keeps its rights once it runs, for debuggers" },
	{ 0 },
};

/* -1: go on; else the exit status. */
static int options_parse(const struct command *c, char **argv, struct options *o)
{
	_cleanup_error_ struct error err = { 0 };
	int status;

	*o = (struct options){ .allow = ALLOW_DEFAULT };
	status = command_line(c, argv, o);
	if (status >= 0)
		return status;
	if (argv[1])
		error_set(&err, 0, "\"%s\": `pith forward` takes options only", argv[1]);
	else if (!o->state)
		error_set(&err, 0, "--state must be given");
	return err.msg ? command_refuse(&err) : -1;
}

/* --- the program -------------------------------------------------------------------------------------------------- */

static void raise_limit(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) < 0)
		return;
	if (l.rlim_max < DESCRIPTORS) {
		struct rlimit more = { DESCRIPTORS, DESCRIPTORS };

		if (setrlimit(RLIMIT_NOFILE, &more) == 0) /* only root may */
			return;
	}
	l.rlim_cur = l.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &l) < 0)
		log_debug("forward: %llu descriptors", (unsigned long long)l.rlim_cur);
}

static void show_state(struct program *p)
{
	_cleanup_buf_ struct buf text = { 0 };
	char *line, *rest;

	if (forwards_dump(&p->ports, &text) < 0 || text.len == 0)
		return;
	for (line = strtok_r((char *)buf_bytes(&text), "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		log_info("forward: %s", line);
}

static void on_signal(void *data, int signo)
{
	struct program *p = data;

	if (signo == SIGUSR1)
		show_state(p);
	else if (signo == SIGTERM || signo == SIGINT || signo == SIGQUIT || signo == SIGHUP)
		loop_quit(p->loop, 0);
}

/* Nobody writes there: it is the machine's end. */
static void life_ended(struct loop_io *io, uint32_t events)
{
	struct program *p = io->data;

	(void)events;
	loop_quit(p->loop, 0);
}

static int life_watch(struct program *p, struct error *err)
{
	int fd = (int)p->options.life;

	if (!fd)
		return 0;
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return error_set(err, errno, "--life-fd %d", fd);
	p->life = (struct loop_io){ .fd = fd, .events = EPOLLIN, .fn = life_ended, .data = p };
	return loop_io_add(p->loop, &p->life, err);
}

static int ports_open(struct program *p, struct error *err)
{
	for (char **text = p->options.ports; text && *text; text++) {
		_cleanup_vpnkit_port_ struct vpnkit_port port = { 0 };

		if (vpnkit_port_parse(*text, strlen(*text), &port, err) < 0 ||
		    forwards_expose(&p->ports, &port, FORWARDS_USER, err) < 0)
			return -1;
	}
	return 0;
}

/* The way to the guest: by its socket's name in the state directory, or wherever --guest says. */
static int tunnel_open(struct program *p, struct error *err)
{
	const char *dir = p->options.guest ? NULL : p->dir, *name = p->options.guest;
	char usual[24];

	snprintf(usual, sizeof(usual), "guest.%08x", VPNKIT_FORWARDER_PORT);
	if (unixsock_address(&p->tunnel.address, p->state, dir, name ? name : usual) < 0)
		return error_set(err, errno, "%s", name ? name : usual);
	p->tunnel.way.loop = p->loop;
	tunnel_init(&p->tunnel);
	return 0;
}

/* Whoever reads the caller's standard error to its end would wait for the machine's. */
static int leave_stderr(struct error *err)
{
	_cleanup_close_ int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	return null < 0 || dup2(null, 2) < 0 ? error_set(err, errno, "/dev/null") : 0;
}

static int program_set_up(struct program *p, struct error *err)
{
	sigset_t signals;

	loop_signals_fill(&signals);
	if (allow_parse(p->options.allow, &p->allow, err) < 0)
		return error_wrap(err, "--allow");
	/* A folder above may be closed to this user. */
	p->dir = realpath(p->options.state, NULL);
	if (!p->dir)
		p->dir = strdup(p->options.state);
	p->state = p->dir ? open(p->dir, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	if (p->state < 0)
		return error_set(err, errno, "state directory %s", p->options.state);
	p->loop = loop_new(err);
	if (!p->loop || loop_signals(p->loop, &signals, on_signal, p, err) < 0 || life_watch(p, err) < 0 ||
	    tunnel_open(p, err) < 0)
		return -1;
	p->policy = (struct host_policy){ .allow = &p->allow, .dir = p->dir, .state = p->state };
	p->ports = (struct forwards){ .loop = p->loop,
				      .way = &p->tunnel.way,
				      .policy = &host_policy,
				      .data = &p->policy,
				      .udp = { .loop = p->loop, .way = &p->tunnel.way } };
	forwards_init(&p->ports);
	if (udp_init(&p->ports.udp, p->options.udp_idle * 1000000, err) < 0 || ports_open(p, err) < 0)
		return -1;
	return doors_open(&p->doors, &p->ports, p->state, p->dir, err);
}

static int program_run(struct program *p, struct error *err)
{
	if (program_set_up(p, err) < 0 || (p->options.background && leave_stderr(err) < 0))
		return -1;
	if (!p->options.unconfined && forward_confine(p->state, err) < 0)
		return -1;
	if (p->options.ready) {
		if (io_write((int)p->options.ready, "+", 1) < 0)
			log_debug("forward: nobody waits for the ports");
		close((int)p->options.ready);
	}
	return loop_run(p->loop, err);
}

static void program_end(struct program *p)
{
	if (!p->loop)
		return;
	doors_close(&p->doors);
	if (p->ports.loop) {
		forwards_close(&p->ports);
		tunnel_close(&p->tunnel);
		udp_free(&p->ports.udp);
	}
	loop_free(p->loop);
}

static int forward_main(const struct command *c, char **argv)
{
	static struct program p = { .state = -1 }; /* large */
	_cleanup_error_ struct error e = { 0 };
	int r;

	r = options_parse(c, argv, &p.options);
	if (r >= 0)
		return r;
	signal(SIGPIPE, SIG_IGN);
	umask(0077); /* its sockets are its user's */
	raise_limit();
	r = program_run(&p, &e);
	program_end(&p);
	allow_free(&p.allow);
	strv_free(p.options.ports);
	free(p.dir);
	cleanup_close(&p.state);
	if (r < 0)
		log_error("forward: %s", error_text(&e));
	return r < 0 ? 1 : r;
}

static const char *const forward_usage[] = { "--state DIR [OPTION...]", NULL };

const struct command forward_command = {
	.name = "forward",
	.summary = "open ports of the host that lead into a machine",
	.usage = forward_usage,
	.text = "Opens ports of the host and carries their connections and datagrams over the machine's vsock device "
		"to "
		"VPNKit's forwarder in the guest, whichever of its generations that speaks. `pith run --networking "
		"vpnkit` starts it. Others are opened and closed through the control socket, and by the guest.",
	.options = forward_table,
	.more = "SIGUSR1 makes it print what it has done so far.",
	.run = forward_main,
};
