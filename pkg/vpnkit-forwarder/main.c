/* vpnkit-forwarder: what the host sends into the guest goes to the guest's TCP, UDP and Unix sockets. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

#include "confine.h"
#include "forwarder.h"
#include "io.h"
#include "log.h"
#include "str.h"
#include "vsock.h"

enum { CONNECTS_MAX = 8, IDLE_MAX_S = 86400 };

static const char help[] =
	"usage: vpnkit-forwarder [OPTION...]\n"
	"  -data-listen ADDRESS   the host connects there; unless -data-connect is given: vsock port 62373\n"
	"  -vsockPort PORT        the same for a vsock port\n"
	"  -data-connect ADDRESS  connects to the host there, again a second after it was lost; may be given again\n"
	"  -control-listen ADDRESS\n"
	"                         a control API: ports opened through it listen on this side, and lead to the other\n"
	"  -from CID              who may connect to the vsock ports: host (the default), any, or a context id;\n"
	"                         with any, so may every container of this machine\n"
	"  -udp-timeout SECONDS   a client of a UDP port is forgotten when it was quiet for so long (90)\n"
	"  -debug                 says more\n"
	"  -hvGuid GUID           taken and not looked at: Linux names a port of Hyper-V by its number\n"
	"An ADDRESS is a vsock port, CID/PORT, or the path of a Unix socket.\n";

struct options {
	const char *listen, *control;
	struct vpnkit_address connects[CONNECTS_MAX];
	size_t connect_count;
	uint32_t from;
	uint64_t idle_s;
	bool debug, help;
};

/* --- command line ------------------------------------------------------------------------------------------------- */

static int option_from(const char *value, uint32_t *from, struct error *err)
{
	uint64_t number;

	if (str_eq(value, "host"))
		*from = VMADDR_CID_HOST;
	else if (str_eq(value, "any"))
		*from = VMADDR_CID_ANY;
	else if (str_to_u64(value, UINT32_MAX - 1, &number) == 0)
		*from = (uint32_t)number;
	else
		return error_set(err, 0, "-from %s: \"host\", \"any\" or a context id", value);
	return 0;
}

static int option_connect(struct options *o, const char *value, struct error *err)
{
	if (o->connect_count == CONNECTS_MAX)
		return error_set(err, 0, "more than %d times -data-connect", CONNECTS_MAX);
	if (vpnkit_address_parse(value, &o->connects[o->connect_count], err) < 0)
		return error_wrap(err, "-data-connect");
	o->connect_count++;
	return 0;
}

static int option_set(struct options *o, const char *name, const char *value, struct error *err)
{
	uint32_t port;

	if (str_eq(name, "data-connect"))
		return option_connect(o, value, err);
	if (str_eq(name, "from"))
		return option_from(value, &o->from, err);
	if (str_eq(name, "udp-timeout")) {
		if (str_to_u64(value, IDLE_MAX_S, &o->idle_s) < 0 || o->idle_s == 0)
			return error_set(err, 0, "-udp-timeout %s: 1 to %d seconds", value, IDLE_MAX_S);
		return 0;
	}
	if (str_eq(name, "vsockPort") && vsock_parse_port(value, &port) < 0)
		return error_set(err, 0, "-vsockPort %s: no vsock port", value);
	if (str_eq(name, "control-listen"))
		o->control = value;
	else if (!str_eq(name, "hvGuid"))
		o->listen = value;
	return 0;
}

/* One or two dashes; the value follows after a blank or "=". */
static int options_parse(int argc, char **argv, struct options *o, struct error *err)
{
	static const char *const names[] = { "data-listen", "vsockPort",   "data-connect", "control-listen",
					     "from",        "udp-timeout", "hvGuid" };
	int i;
	size_t j;

	for (i = 1; i < argc; i++) {
		char *name = argv[i], *value;

		if (name[0] != '-')
			return error_set(err, 0, "\"%s\": only options are taken", name);
		name += name[1] == '-' ? 2 : 1;
		value = strchr(name, '=');
		if (value)
			*value++ = '\0';
		if (str_eq(name, "debug") || str_eq(name, "help") || str_eq(name, "h")) {
			*(name[0] == 'd' ? &o->debug : &o->help) = !value || !str_eq(value, "false");
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
	return 0;
}

/* --- the program -------------------------------------------------------------------------------------------------- */

static void on_signal(void *data, int signo)
{
	struct forwarder *f = data;

	if (signo == SIGTERM || signo == SIGINT || signo == SIGQUIT)
		loop_quit(f->loop, 0);
	else if (signo == SIGHUP)
		forwarder_report(f);
}

static void limit_raise(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0) {
		l.rlim_cur = l.rlim_max;
		setrlimit(RLIMIT_NOFILE, &l); /* less is fine */
	}
}

void forwarder_init(struct forwarder *f, struct loop *loop)
{
	f->loop = loop;
	relays_init(&f->relays, loop);
	flows_init(&f->flows, loop);
	list_init(&f->doors);
	list_init(&f->streams);
	listen_init(f);
}

void forwarder_close(struct forwarder *f)
{
	door_close(f);
	listen_close(f);
	streams_close(f);
	flows_close(&f->flows);
}

/* An address that is listened on. */
struct place {
	const char *option; /* NULL: none */
	struct vpnkit_address address;
	int lease; /* of a vsock port that the machine holds */
};

static int place_listen(struct place *p, const char *option, struct error *err)
{
	int fd;

	if (vpnkit_address_parse(option, &p->address, err) < 0)
		return -1;
	fd = vpnkit_address_listen(&p->address, &p->lease, err);
	if (fd >= 0)
		p->option = option;
	return fd;
}

static void place_leave(const struct place *p)
{
	if (p->option && !p->address.vsock)
		unlink(p->address.path); /* somebody may have removed it already */
}

static int forwarder_open(struct forwarder *f, const struct options *o, struct place *data, struct place *control,
			  struct error *err)
{
	size_t i;
	int fd;

	if (o->listen) {
		fd = place_listen(data, o->listen, err);
		if (fd < 0 || door_open(f, fd, err) < 0)
			return -1;
	}
	if (o->control) {
		fd = place_listen(control, o->control, err);
		if (fd < 0 || listen_open(f, fd, err) < 0)
			return error_wrap(err, "-control-listen");
	}
	for (i = 0; i < o->connect_count; i++)
		if (stream_connect(f, &o->connects[i], err) < 0)
			return -1;
	return o->control ? confine_ports(err) : confine_relay(err);
}

static int forwarder_run(struct options *o, struct error *err)
{
	static struct forwarder f;
	struct place data = { 0 }, control = { 0 };
	sigset_t signals;
	struct loop *loop = loop_new(err);
	int r;

	if (!loop)
		return -1;
	forwarder_init(&f, loop);
	f.from = o->from;
	f.flows.idle_us = o->idle_s * 1000000;
	loop_signals_fill(&signals);
	if (loop_signals(loop, &signals, on_signal, &f, err) < 0)
		return -1;
	r = forwarder_open(&f, o, &data, &control, err);
	if (r == 0) {
		log_debug("ready");
		r = loop_run(loop, err);
	}
	place_leave(&data);
	place_leave(&control);
	forwarder_close(&f);
	return r;
}

int main(int argc, char **argv)
{
	static struct options o = { .from = VMADDR_CID_HOST, .idle_s = FLOW_IDLE_S };
	_cleanup_error_ struct error e = { 0 };
	int r;

	io_fill_standard();
	log_setup("vpnkit-forwarder", LOG_LEVEL_INFO, false);
	if (options_parse(argc, argv, &o, &e) < 0) {
		log_error("%s", error_text(&e));
		return 2;
	}
	if (o.help) {
		r = fputs(help, stdout) < 0 || fflush(stdout) != 0;
		return r;
	}
	if (!o.listen && o.connect_count == 0)
		o.listen = "62373";
	if (o.debug)
		log_setup("vpnkit-forwarder", LOG_LEVEL_DEBUG, false);
	signal(SIGPIPE, SIG_IGN);
	limit_raise();
	r = forwarder_run(&o, &e);
	if (r < 0)
		log_error("%s", error_text(&e));
	return r < 0 ? 1 : r;
}
