#include "shim.h"

#include <unistd.h>

#include "log.h"

enum {
	LEAVE_US = 3 * 1000000,        /* for events and answers that are still under way */
	LINGER_US = 1000000,           /* for peers that close their connections */
	LONELY_US = 2 * 1000000,       /* for a Shutdown after the last container */
	LONELY_MOST_US = 60 * 1000000, /* the same while containerd is away and events wait for it */
};

void shim_init(struct shim *s, const char *id, const char *namespace, const char *path)
{
	*s = (struct shim){ .id = id, .namespace = namespace, .path = path, .network = { .fd = -1 } };
	list_init(&s->containers);
}

/* The socket's file first: one that is found listens. From then on its name may be that of the next shim's. */
void shim_socket_leave(struct shim *s)
{
	if (!s->path)
		return;
	unlink(s->path);
	s->path = NULL;
	if (listener_active(&s->server.listener))
		server_close(&s->server);
}

/* --- leaving ------------------------------------------------------------------------------------------------------ */

static void leave_look(struct loop_timer *timer)
{
	struct shim *s = timer->data;
	uint64_t now = loop_now();
	bool lingering = now < s->linger_deadline && server_has_peers(&s->server);
	bool waiting = lingering || !publisher_is_idle(&s->publisher) || server_busy(&s->server);

	if (waiting && now < s->leave_deadline &&
	    loop_timer_arm(s->loop, timer, lingering ? s->linger_deadline : s->leave_deadline, NULL) == 0)
		return;
	loop_quit(s->loop, 0);
}

/* From the loop, so that whatever is being done now is finished first. */
static void leave_soon(struct shim *s)
{
	if (loop_timer_after(s->loop, &s->leave, 0, NULL) < 0)
		loop_quit(s->loop, 0);
}

void shim_leave(struct shim *s)
{
	if (s->leaving)
		return;
	s->leaving = true;
	shim_socket_leave(s);
	s->leave_deadline = loop_now() + LEAVE_US;
	leave_soon(s);
}

void shim_leave_after_peers(struct shim *s)
{
	s->linger_deadline = loop_now() + LINGER_US;
	shim_leave(s);
}

/* --- no container is left ----------------------------------------------------------------------------------------- */

static bool shim_is_lonely(const struct shim *s)
{
	return !s->leaving && !s->sandbox && list_empty(&s->containers);
}

static void lonely_look(struct loop_timer *timer)
{
	struct shim *s = timer->data;

	if (!shim_is_lonely(s))
		return;
	/* Whoever takes the events may still say Shutdown: events_gone() comes back here. */
	if (!publisher_is_idle(&s->publisher) && loop_now() < s->lonely_deadline &&
	    loop_timer_arm(s->loop, timer, s->lonely_deadline, NULL) == 0)
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

/* --- what the end waits for --------------------------------------------------------------------------------------- */

static void events_gone(void *data)
{
	struct shim *s = data;

	if (s->leaving)
		leave_soon(s);
	else if (loop_timer_armed(&s->lonely) && shim_is_lonely(s))
		(void)loop_timer_after(s->loop, &s->lonely, LONELY_US, NULL); /* moves it, which cannot fail */
}

static void answers_gone(void *data)
{
	struct shim *s = data;

	if (s->leaving)
		leave_soon(s);
}

void shim_listen(struct shim *s)
{
	s->leave = (struct loop_timer){ .fn = leave_look, .data = s };
	s->lonely = (struct loop_timer){ .fn = lonely_look, .data = s };
	publisher_on_idle(&s->publisher, events_gone, s);
	server_on_quiet(&s->server, answers_gone, s);
}
