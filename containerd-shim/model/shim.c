#include "shim.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "command.h"
#include "log.h"
#include "sandbox.h"
#include "service.h"
#include "str.h"

enum {
	LEAVE_US = 3 * 1000000, /* for events and answers that are still under way */
	LEAVE_LOOK_US = 2000,
	LONELY_US = 2 * 1000000,       /* for a Shutdown after the last container */
	LONELY_MOST_US = 60 * 1000000, /* the same while containerd is away and events wait for it */
	LINGER_US = 1000000,
};

static void leave_look(struct loop_timer *timer)
{
	struct shim *s = timer->data;
	bool waiting = !publisher_is_idle(&s->publisher) || server_busy(&s->server);

	if (loop_now() < s->linger_deadline && server_has_peers(&s->server))
		waiting = true;
	if (waiting && loop_now() < s->leave_deadline && loop_timer_after(s->loop, timer, LEAVE_LOOK_US, NULL) == 0)
		return;
	loop_quit(s->loop, 0);
}

/* The socket's file first: one that is found listens. From then on its name may be that of the next shim's. */
static void socket_leave(struct shim *s)
{
	if (!s->path)
		return;
	unlink(s->path);
	s->path = NULL;
	if (loop_io_active(&s->server.listener))
		server_close(&s->server);
}

void shim_leave(struct shim *s)
{
	if (s->leaving)
		return;
	s->leaving = true;
	socket_leave(s);
	s->leave = (struct loop_timer){ .fn = leave_look, .data = s };
	s->leave_deadline = loop_now() + LEAVE_US;
	if (loop_timer_after(s->loop, &s->leave, 0, NULL) < 0)
		loop_quit(s->loop, 0);
}

static void lonely_look(struct loop_timer *timer)
{
	struct shim *s = timer->data;

	if (s->leaving || s->sandbox || !list_empty(&s->containers))
		return;
	if (!publisher_is_idle(&s->publisher) && loop_now() < s->lonely_deadline &&
	    loop_timer_after(s->loop, timer, LONELY_US, NULL) == 0)
		return;
	log_info("no container is left, and nobody has asked for the end: leaving");
	shim_leave(s);
}

void shim_container_gone(struct shim *s)
{
	if (s->leaving || !list_empty(&s->containers))
		return;
	s->lonely_deadline = loop_now() + LONELY_MOST_US;
	/* Without memory for a timer it stays, as long as nobody says Shutdown. */
	(void)loop_timer_after(s->loop, &s->lonely, LONELY_US, NULL);
}

void shim_leave_after_peers(struct shim *s)
{
	s->linger_deadline = loop_now() + LINGER_US;
	shim_leave(s);
}

static void on_signal(void *data, int signo)
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
	return loop_signals(s->loop, &set, on_signal, s, err);
}

static const struct service *const services[] = { &task_service, &sandbox_service, NULL };

/* In the order that nothing calls back into what is gone. */
static void shim_end(struct shim *s)
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

int shim_run(const struct command *c, int listener, const char *path, const char *ttrpc_address)
{
	struct shim s = { .id = c->id, .namespace = c->namespace, .path = path };
	_cleanup_error_ struct error e = { 0 };
	int r = -1;

	log_setup("containerd-shim-pith-v2", c->debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, false);
	list_init(&s.containers);
	s.lonely = (struct loop_timer){ .fn = lonely_look, .data = &s };
	s.loop = loop_new(&e);
	if (s.loop) {
		reaper_init(&s.reaper, s.loop);
		s.server.data = &s;
		s.server.services = services;
		s.publisher.namespace = c->namespace;
		s.publisher.ttrpc_address = ttrpc_address;
		s.publisher.grpc_address = c->address;
		s.publisher.binary = c->publish_binary;
		publisher_start(&s.publisher, s.loop, &s.reaper);
		if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
			error_set(&e, errno, "subreaper");
		else if (signals_take(&s, &e) == 0 && server_start(&s.server, s.loop, listener, &e) == 0)
			r = loop_run(s.loop, &e);
	}
	if (r < 0)
		log_error("%s", error_text(&e));
	socket_leave(&s);
	if (s.loop)
		shim_end(&s);
	return r;
}
