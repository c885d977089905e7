/* One port of the host, open for as long as this program runs. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "confine.h"
#include "expose.h"
#include "fdpass.h"
#include "local.h"
#include "log.h"
#include "str.h"

enum { PARENT_FD = 3 };

static const char help[] =
	"usage: vpnkit-expose-port [OPTION...]\n"
	"Opens a port of the host that leads into this machine, until it is ended by SIGTERM or SIGINT.\n"
	"  -proto tcp|udp|unix     tcp\n"
	"  -host-ip IP, -host-port PORT, -host-path PATH             where the host listens\n"
	"  -container-ip IP, -container-port PORT, -container-path PATH   where its connections go\n"
	"  -local-bind best-effort|always|never   whether this machine listens at the same port as well\n"
	"  -no-local-ip            the same as -local-bind never\n"
	"  -use-listen-fd          descriptor 4 listens already, as dockerd has it\n"
	"  -control ADDRESS        where the host is asked: a vsock port, CID/PORT, or a socket's path; 4098, unless\n"
	"                          /etc/vpnkit-expose-port.* says \"control\"\n"
	"  -i                      says how it went by itself, not to dockerd on descriptor 3\n"
	"  -debug                  the same, with what dockerd would have got\n";

/* Someone else closes the port when this program is killed:
 *
 *   expose-port --+-- asks the host, serves, closes the port ---- says so to the keeper, ends
 *                 |                                                     |
 *                 +-- fork: keeper, hears of each step -----------+-----+-- the port is closed: ends
 *                                                                 +-------- it hears no more: closes the port
 *
 * A host may serve two connections in any order: what a killed one has asked for could come after what its keeper asks
 * for, and the port stay open. So the keeper is given the connection before anything is asked by it, and lets the host
 * come to its end first. Where nothing was asked it does nothing: the port may be another one's. */
struct expose {
	struct vpnkit_port port;
	struct control control;
	struct local local;
	const char *proto, *host_ip, *host_port, *host_path, *container_ip, *container_port, *container_path;
	const char *local_bind, *control_address;
	bool no_local, listen_fd, interactive, debug, help;
	bool quit;
	int keeper; /* the socket to it */
};

enum { KEEPER_ASKED = 'a' /* with the connection */, KEEPER_ANSWERED = 'b', KEEPER_CLOSED = 'c' };

/* --- command line ------------------------------------------------------------------------------------------------- */

static int side_parse(const char *side, const char *ip, const char *port, struct vpnkit_ip *out, uint16_t *number,
		      struct error *err)
{
	uint64_t v = 0;

	if (ip && ip[0] != '\0' && vpnkit_ip_parse(ip, out) < 0)
		return error_set(err, 0, "-%s-ip %s: no IP address", side, ip);
	if (!port || str_to_u64(port, UINT16_MAX, &v) < 0)
		return error_set(err, 0, "-%s-port %s: a port has a number from 0 to 65535", side, port ? port : "");
	*number = (uint16_t)v;
	return 0;
}

static int path_take(const char *side, const char *path, char **out, struct error *err)
{
	if (!path || path[0] == '\0' || strlen(path) >= VPNKIT_PATH)
		return error_set(err, 0, "-%s-path: the path of a socket is needed", side);
	*out = strdup(path);
	return *out ? 0 : error_set(err, ENOMEM, "-%s-path", side);
}

static int port_take(struct expose *x, struct error *err)
{
	struct vpnkit_port *p = &x->port;

	if (str_eq(x->proto, "unix")) {
		p->proto = VPNKIT_UNIX;
		if (path_take("host", x->host_path, &p->out_path, err) < 0)
			return -1;
		return path_take("container", x->container_path, &p->in_path, err);
	}
	if (!str_eq(x->proto, "tcp") && !str_eq(x->proto, "udp"))
		return error_set(err, 0, "-proto %s: tcp, udp or unix", x->proto);
	p->proto = str_eq(x->proto, "tcp") ? VPNKIT_TCP : VPNKIT_UDP;
	if (side_parse("host", x->host_ip, x->host_port, &p->out_ip, &p->out_port, err) < 0)
		return -1;
	return side_parse("container", x->container_ip, x->container_port, &p->in_ip, &p->in_port, err);
}

static int local_take(struct expose *x, struct error *err)
{
	x->local.bind = x->no_local ? LOCAL_NEVER : LOCAL_BEST_EFFORT;
	if (!x->local_bind || x->local_bind[0] == '\0')
		return 0;
	if (str_eq(x->local_bind, "best-effort"))
		x->local.bind = LOCAL_BEST_EFFORT;
	else if (str_eq(x->local_bind, "always"))
		x->local.bind = LOCAL_ALWAYS;
	else if (str_eq(x->local_bind, "never"))
		x->local.bind = LOCAL_NEVER;
	else
		return error_set(err, 0, "-local-bind %s: best-effort, always or never", x->local_bind);
	return 0;
}

static int options_parse(struct expose *x, int argc, char **argv, struct error *err)
{
	const struct flag flags[] = {
		{ "proto", &x->proto, NULL },
		{ "host-ip", &x->host_ip, NULL },
		{ "host-port", &x->host_port, NULL },
		{ "host-path", &x->host_path, NULL },
		{ "container-ip", &x->container_ip, NULL },
		{ "container-port", &x->container_port, NULL },
		{ "container-path", &x->container_path, NULL },
		{ "local-bind", &x->local_bind, NULL },
		{ "control", &x->control_address, NULL },
		{ "no-local-ip", NULL, &x->no_local },
		{ "use-listen-fd", NULL, &x->listen_fd },
		{ "i", NULL, &x->interactive },
		{ "debug", NULL, &x->debug },
		{ "help", NULL, &x->help },
		{ "h", NULL, &x->help },
	};

	if (flags_parse(flags, array_len(flags), argc, argv, err) < 0)
		return -1;
	if (x->help)
		return 0;
	return port_take(x, err) < 0 || local_take(x, err) < 0 ? -1 : 0;
}

/* --- dockerd ------------------------------------------------------------------------------------------------------ */

/* What dockerd waits for on descriptor 3: "0\n", or "1\n" and why. */
static void parent_tell(const struct expose *x, const struct error *why)
{
	_cleanup_free_ char *text = why ? str_format("1\n%s", error_text(why)) : strdup("0\n");

	if (!x->debug && !x->interactive && !isatty(STDOUT_FILENO)) {
		if (text && write(PARENT_FD, text, strlen(text)) < 0)
			log_warn("descriptor %d, which dockerd listens to: %s", PARENT_FD, strerror(errno));
		close(PARENT_FD);
	} else if (why) {
		log_error("%s", error_text(why));
	} else {
		log_info("the port is open");
	}
}

/* --- the keeper --------------------------------------------------------------------------------------------------- */

/* Until the other process has nothing more to say. The connection of which it has not said that there was an answer,
 * or -1; where nobody has asked for the port, or it is closed, this does not return. */
static int keeper_hear(int from)
{
	int asked = -1, fd;
	char word = KEEPER_CLOSED;

	while (fdpass_receive(from, &word, 1, &fd) == 1 && word != KEEPER_CLOSED) {
		if (asked >= 0)
			close(asked);
		asked = fd;
	}
	if (word == KEEPER_CLOSED)
		_exit(0);
	return asked;
}

/* The host does what it was asked for, and answers, or finds that the question is not whole, and ends the connection.
 * True: it refuses, and the port is somebody else's. */
static bool answer_refuses(int fd)
{
	static const char version[] = "HTTP/1.", refusal[] = " 400";
	const uint64_t until = loop_now() + CONTROL_PATIENCE_US;
	char bytes[sizeof("HTTP/1.1 400") - 1];
	size_t got = 0;

	shutdown(fd, SHUT_WR); /* fails where it has ended it already */
	for (uint64_t now = loop_now(); now < until && got < sizeof(bytes); now = loop_now()) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n = poll(&p, 1, (int)((until - now) / 1000) + 1);

		if (n > 0)
			n = recv(fd, bytes + got, sizeof(bytes) - got, MSG_DONTWAIT);
		if (n <= 0)
			break;
		got += (size_t)n;
	}
	return got == sizeof(bytes) && memcmp(bytes, version, sizeof(version) - 1) == 0 &&
		memcmp(bytes + sizeof(version), refusal, sizeof(refusal) - 1) == 0;
}

static void keeper_run(struct expose *x, int from)
{
	_cleanup_error_ struct error e = { 0 };
	struct control c = { .address = x->control.address };
	int asked;

	/* Whoever stops the program, and with it all processes of its group, means the other. */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	prctl(PR_SET_NAME, "port-keeper");
	asked = keeper_hear(from);
	if (asked >= 0 && answer_refuses(asked))
		_exit(0);
	c.loop = loop_new(&e);
	if (!c.loop || control_unexpose(&c, &x->port, &e) < 0)
		log_warn("the port stays open: %s", error_text(&e));
	_exit(0);
}

static int keeper_start(struct expose *x, struct error *err)
{
	int ends[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return error_set(err, errno, "socketpair");
	pid = fork();
	if (pid < 0) {
		close(ends[0]);
		close(ends[1]);
		return error_set(err, errno, "fork");
	}
	if (pid == 0) {
		close(ends[1]);
		close(PARENT_FD); /* dockerd reads that until its end */
		if (x->listen_fd)
			close(LOCAL_LISTEN_FD);
		keeper_run(x, ends[0]);
	}
	close(ends[0]);
	x->keeper = ends[1];
	return 0;
}

static void keeper_tell(const struct expose *x, char word, int fd)
{
	/* without the connection, where that cannot be handed on, it knows at least what was done */
	if (fdpass_send(x->keeper, &word, 1, fd) < 0 && (fd < 0 || fdpass_send(x->keeper, &word, 1, -1) < 0))
		log_debug("the keeper is gone"); /* nothing to be done but to go on without */
}

static void port_asked(void *data, int fd)
{
	keeper_tell(data, KEEPER_ASKED, fd);
}

/* --- the program -------------------------------------------------------------------------------------------------- */

static void on_signal(void *data, int signo)
{
	struct expose *x = data;

	if (signo == SIGTERM || signo == SIGINT || signo == SIGQUIT || signo == SIGHUP)
		x->quit = true;
}

static int expose_open(struct expose *x, struct error *err)
{
	sigset_t signals;

	x->control.loop = loop_new(err);
	x->control.quit = &x->quit;
	x->control.asks = port_asked;
	x->control.data = x;
	loop_signals_fill(&signals);
	sigdelset(&signals, SIGCHLD); /* nobody waits for the keeper, which ends after this program */
	if (!x->control.loop || vpnkit_address_parse(x->control_address, &x->control.address, err) < 0)
		return -1;
	/* First, while there is nothing else that it would hold. */
	if (keeper_start(x, err) < 0)
		return -1;
	if (local_listen(&x->local, x->control.loop, &x->port, x->listen_fd, err) == 0 &&
	    loop_signals(x->control.loop, &signals, on_signal, x, err) == 0 &&
	    control_expose(&x->control, &x->port, err) == 0) {
		keeper_tell(x, KEEPER_ANSWERED, -1);
		return 0;
	}
	/* One that was stopped after it has asked leaves that to the keeper. */
	if (err->code != EINTR)
		keeper_tell(x, KEEPER_CLOSED, -1);
	return -1;
}

static int expose_serve(struct expose *x, struct error *err)
{
	_cleanup_error_ struct error e = { 0 };
	int r = confine_relay(err);

	while (r >= 0 && !x->quit)
		r = loop_once(x->control.loop, -1, err);
	local_close(&x->local);
	if (control_unexpose(&x->control, &x->port, &e) < 0)
		log_warn("the port stays open: %s", error_text(&e));
	keeper_tell(x, KEEPER_CLOSED, -1);
	return r;
}

int expose_main(int argc, char **argv)
{
	static struct expose x = { .proto = "tcp", .keeper = -1 };
	_cleanup_error_ struct error e = { 0 };
	_cleanup_free_ char *configured = NULL;

	if (options_parse(&x, argc, argv, &e) < 0) {
		log_error("%s", error_text(&e));
		return 2;
	}
	if (x.help)
		return fputs(help, stdout) < 0 || fflush(stdout) != 0;
	if (!x.control_address)
		x.control_address = configured = config_control("/etc");
	if (!x.control_address)
		x.control_address = CONTROL_DEFAULT;
	if (expose_open(&x, &e) < 0) {
		parent_tell(&x, &e);
		return 1;
	}
	parent_tell(&x, NULL);
	if (expose_serve(&x, &e) == 0)
		return 0;
	log_error("%s", error_text(&e));
	return 1;
}
