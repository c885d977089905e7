/* `pith vsock`: the device alone, for any vhost-user front-end. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/sched.h>
#include <linux/sched/types.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent.h"
#include "backend.h"
#include "clock.h"
#include "command.h"
#include "device_confine.h"
#include "fifos.h"
#include "io.h"
#include "log.h"
#include "sockets.h"
#include "str.h"
#include "unixsock.h"
#include "vsock.h"

enum {
	SLICE_NS = 100000, /* the shortest that Linux gives */
	POLL_MAX_US = 10000
};

struct options {
	const char *socket;
	uint64_t fd, ready; /* 0: none */
	uint64_t cid, poll_us;
	struct sockets_options sockets;
	const char *fifos;
	bool unconfined;
	bool background; /* once it is ready, nothing is kept of the caller's terminal */
};

struct program {
	struct options options;
	struct loop *loop;
	struct vsock_device dev;
	struct sockets *sockets;
	struct fifos *fifos;
	struct guest_clock *clock;
	struct backend *backend;
	struct sockaddr_un address; /* of the listening socket, to be removed */
};

/* --- command line ------------------------------------------------------------------------------------------------ */

#define FIELD(name) offsetof(struct options, name)

static const struct option vsock_table[] = {
	{ "socket", .argument = "PATH", .set = option_set_text, .field = FIELD(socket),
	  .help = "listens there for QEMU, one after another" },
	{ "fd", .argument = "N", .set = option_set_number, .field = FIELD(fd), .min = 3, .max = INT32_MAX,
	  .help = "serves QEMU at the other end of this descriptor instead, and ends with it" },
	{ "ready-fd", .argument = "N", .set = option_set_number, .field = FIELD(ready), .min = 3, .max = INT32_MAX },
	{ "state", .argument = "DIR", .set = option_set_text, .field = FIELD(sockets.state),
	  .help = "where the sockets are: guest.PORT (hexadecimal, eight digits), connect, and those of programs of "
		  "the "
		  "host that the guest connects to: 00000002.PORT" },
	{ "ports", .argument = "LIST", .set = option_set_text, .field = FIELD(sockets.ports),
	  .help = "guest ports with a socket (" VSOCK_DEFAULT_PORTS "); PORT/seqpacket for sequenced packets" },
	{ "hybrid", .argument = "PATH", .set = option_set_text, .field = FIELD(sockets.hybrid),
	  .help = "one more socket, for clients that write \"CONNECT PORT\"; the guest reaches PATH_PORT" },
	{ "cid", .argument = "N", .set = option_set_number, .field = FIELD(cid), .min = 3, .max = UINT32_MAX - 1,
	  .help = "the guest's context id (3)" },
	{ "poll", .argument = "US", .set = option_set_number, .field = FIELD(poll_us), .max = POLL_MAX_US,
	  .help = "looks so long for a packet of a guest that answers quickly before it sleeps (200); 0: never" },
	{ "fifos", .argument = "DIRS", .set = option_set_text, .field = FIELD(fifos),
	  .help = "further folders, with colons between, of fifos that the guest may have for containers' streams "
		  "(" FIFOS_DEFAULT " and the state directory)" },
	{ "background", .set = option_set_switch, .field = FIELD(background) },
	{ "unconfined", .set = option_set_switch, .field = FIELD(unconfined),
	  .help = "keeps its rights once it runs, for debuggers; else it keeps its own sockets, the state directory, "
		  "the "
		  "folders of fifos, and few system calls" },
	{ 0 },
};

/* -1: go on; else the exit status. */
static int options_parse(const struct command *c, char **argv, struct options *o)
{
	_cleanup_error_ struct error err = { 0 };
	int status;

	*o = (struct options){ .cid = 3, .poll_us = VSOCK_DEFAULT_POLL_US, .sockets.ports = VSOCK_DEFAULT_PORTS };
	status = command_line(c, argv, o);
	if (status >= 0)
		return status;
	if (argv[1])
		error_set(&err, 0, "\"%s\": `pith vsock` takes options only", argv[1]);
	else if (!o->sockets.state || !o->socket == !o->fd)
		error_set(&err, 0, "--state, and either --socket or --fd, must be given");
	return err.msg ? command_refuse(&err) : -1;
}

/* --- the program ------------------------------------------------------------------------------------------------- */

/* A connection is one descriptor: as many as the system allows. */
static void raise_limit(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) < 0)
		return;
	if (l.rlim_max < CONNS_MAX + 64) {
		struct rlimit more = { CONNS_MAX + 64, CONNS_MAX + 64 };

		if (setrlimit(RLIMIT_NOFILE, &more) == 0) /* only root may */
			return;
	}
	l.rlim_cur = l.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &l) < 0)
		log_debug("vsock: %" PRIu64 " descriptors", (uint64_t)l.rlim_cur);
}

/* What it does takes microseconds, and somebody waits for it: to be let in soon is worth more than to stay long. Linux
 * takes this as a wish from 6.12 on, and ignores it before. */
static void short_slices(void)
{
	struct sched_attr a = { .size = sizeof(a) };

	if (syscall(SYS_sched_getattr, 0, &a, sizeof(a), 0) < 0 || a.sched_policy != SCHED_NORMAL)
		return;
	a.sched_runtime = SLICE_NS;
	if (syscall(SYS_sched_setattr, 0, &a, 0) < 0)
		log_debug("vsock: the scheduler's own slices");
}

static void show_stats(const struct vsock_device *dev)
{
	const struct conns_stats *s = &dev->conns.stats;

	log_info("vsock: %zu connections now, %" PRIu64 " opened, %" PRIu64 " refused, %" PRIu64 " reset, %" PRIu64
		 " bytes to the guest, %" PRIu64 " to the host",
		 dev->conns.total, s->opened, s->refused, s->reset, s->to_guest, s->to_host);
}

static void on_signal(void *data, int signo)
{
	struct program *p = data;

	if (signo == SIGUSR1)
		show_stats(&p->dev);
	else if (signo == SIGUSR2 && p->clock)
		clock_doubt(p->clock);
	else if (signo == SIGTERM || signo == SIGINT || signo == SIGQUIT || signo == SIGHUP)
		loop_quit(p->loop, 0);
}

/* The front-end's socket: ours to listen on, or one that is connected. */
static int open_backend(struct program *p, struct error *err)
{
	_cleanup_close_ int fd = -1;

	if (p->options.socket) {
		struct sockaddr_un address;

		if (unixsock_address(&address, -1, NULL, p->options.socket) < 0)
			return error_set(err, errno, "--socket %s", p->options.socket);
		fd = unixsock_listen(&address, SOCK_STREAM, 4, err);
		if (fd < 0)
			return -1;
		p->address = address;
	} else {
		fd = (int)p->options.fd;
		if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
			return error_set(err, errno, "--fd %d", fd);
	}
	p->backend = backend_new(p->loop, &p->dev, fd, !p->options.socket, err);
	if (!p->backend)
		return -1;
	steal_fd(&fd);
	return 0;
}

/* Whoever reads the caller's standard error to its end would wait for the machine's. */
static int leave_stderr(struct error *err)
{
	_cleanup_close_ int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	return null < 0 || dup2(null, 2) < 0 ? error_set(err, errno, "/dev/null") : 0;
}

static int reach_agent(void *data, int fd)
{
	const struct conns_client client = { .fd = fd, .guest_port = AGENT_PORT, .type = VSOCK_STREAM };

	return device_connect(data, &client) ? 0 : -1;
}

static int device_run(struct program *p, struct error *err)
{
	sigset_t signals;

	loop_signals_fill(&signals);
	p->loop = loop_new(err);
	if (!p->loop || loop_signals(p->loop, &signals, on_signal, p, err) < 0)
		return -1;
	p->dev.conns.loop = p->loop;
	p->dev.conns.cid = (uint32_t)p->options.cid;
	p->dev.poll_us = (uint32_t)p->options.poll_us;
	p->dev.conns.dial = sockets_dial;
	if (device_init(&p->dev, err) < 0)
		return -1;
	p->sockets = sockets_open(p->loop, &p->dev, &p->options.sockets, err);
	p->dev.conns.dial_data = p->sockets;
	if (!p->sockets)
		return -1;
	p->fifos = fifos_open(p->loop,
			      &(struct fifos_options){ .state = p->options.sockets.state,
						       .folders = p->options.fifos,
						       .reach = reach_agent,
						       .data = &p->dev },
			      err);
	p->clock = clock_open(p->loop, reach_agent, &p->dev, err);
	if (!p->fifos || !p->clock || open_backend(p, err) < 0)
		return -1;
	if (p->options.background && leave_stderr(err) < 0)
		return -1;
	if (!p->options.unconfined &&
	    vsock_confine(&(struct vsock_confine){ .state = p->options.sockets.state,
						   .socket = p->options.socket,
						   .hybrid = p->options.sockets.hybrid,
						   .fifo_folders = fifos_folders(p->fifos) },
			  err) < 0)
		return -1;
	if (p->options.ready) {
		if (io_write((int)p->options.ready, "+", 1) < 0)
			log_debug("vsock: nobody waits for the device");
		close((int)p->options.ready);
	}
	return loop_run(p->loop, err);
}

static int vsock_main(const struct command *c, char **argv)
{
	static struct program p; /* large */
	_cleanup_error_ struct error e = { 0 };
	int r;

	r = options_parse(c, argv, &p.options);
	if (r >= 0)
		return r;
	signal(SIGPIPE, SIG_IGN);
	umask(0077); /* its sockets are its user's, wherever they are */
	raise_limit();
	short_slices();
	r = device_run(&p, &e);
	backend_free(p.backend);
	device_free(&p.dev);
	sockets_close(p.sockets);
	fifos_close(p.fifos);
	clock_close(p.clock);
	if (p.address.sun_path[0])
		unlink(p.address.sun_path);
	loop_free(p.loop);
	if (r < 0)
		log_error("vsock: %s", error_text(&e));
	return r < 0 ? 1 : r;
}

static const char *const vsock_usage[] = { "--socket PATH --state DIR [OPTION...]", NULL };

const struct command vsock_command = {
	.name = "vsock",
	.summary = "be the vsock device of a machine, without a kernel module",
	.usage = vsock_usage,
	.text = "A virtio socket device over vhost-user. QEMU takes it with\n"
		"  -object memory-backend-memfd,id=memory,size=SIZE,share=on -machine memory-backend=memory\n"
		"  -chardev socket,id=vsock,path=PATH -device vhost-user-vsock-pci,chardev=vsock",
	.options = vsock_table,
	.more = "SIGUSR1 makes it print what it has done so far, SIGUSR2 has it look at once whether the guest's clock "
		"is right.",
	.run = vsock_main,
};
