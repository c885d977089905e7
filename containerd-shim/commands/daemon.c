#include "daemon.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>

#include "command.h"
#include "container.h"
#include "dump.h"
#include "log.h"
#include "sandbox.h"
#include "sandbox_service.h"
#include "service.h"
#include "shim.h"

static void signal_came(void *data, int signo)
{
	struct shim *s = data;

	switch (signo) {
	case SIGCHLD:
		reaper_run(&s->reaper);
		return;
	case SIGUSR1:
		shim_dump(s);
		return;
	case SIGTERM:
	case SIGINT:
	case SIGQUIT:
		log_info("signal %d: leaving", signo);
		shim_leave(s);
		return;
	default: /* our containers would end with us */
		log_debug("signal %d is ignored", signo);
	}
}

static int signals_take(struct shim *s, struct error *err)
{
	sigset_t set;

	loop_signals_fill(&set);
	signal(SIGPIPE, SIG_IGN);
	return loop_signals(s->loop, &set, signal_came, s, err);
}

static const struct service *const services[] = { &task_service, &sandbox_service, NULL };

static int daemon_serve(struct shim *s, const struct command *c, int listener, const char *ttrpc_address,
			struct error *err)
{
	reaper_init(&s->reaper, s->loop);
	s->server.data = s;
	s->server.services = services;
	s->publisher.namespace = c->namespace;
	s->publisher.ttrpc_address = ttrpc_address;
	s->publisher.grpc_address = c->address;
	s->publisher.binary = c->publish_binary;
	shim_listen(s);
	publisher_start(&s->publisher, s->loop, &s->reaper);
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		return error_set(err, errno, "subreaper");
	if (signals_take(s, err) < 0 || server_start(&s->server, s->loop, listener, err) < 0)
		return -1;
	return loop_run(s->loop, err);
}

/* In the order that nothing calls back into what is gone. */
static void daemon_end(struct shim *s)
{
	while (!list_empty(&s->containers))
		container_leave(list_entry(s->containers.next, struct container, place));
	sandbox_free(s);
	if (s->server.loop)
		server_stop(&s->server);
	publisher_stop(&s->publisher);
	reaper_free(&s->reaper);
	loop_free(s->loop);
}

int daemon_run(const struct command *c, int listener, const char *path, const char *ttrpc_address)
{
	_cleanup_error_ struct error e = { 0 };
	struct shim s;
	int r = -1;

	log_setup("containerd-shim-pith-v2", c->debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, false);
	shim_init(&s, c->id, c->namespace, path);
	s.loop = loop_new(&e);
	if (s.loop)
		r = daemon_serve(&s, c, listener, ttrpc_address, &e);
	if (r < 0)
		log_error("%s", error_text(&e));
	shim_socket_leave(&s);
	if (s.loop)
		daemon_end(&s);
	return r;
}
