#include "reaper.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process.h"

struct stranger {
	pid_t pid;
	int status;
};

/* More processes than that do not end in the time of a runtime's call; the oldest are then forgotten. */
enum { STRANGERS_MAX = 4096 };

void reaper_init(struct reaper *r, struct loop *loop)
{
	*r = (struct reaper){ .loop = loop };
	list_init(&r->watches);
}

void reaper_free(struct reaper *r)
{
	free(r->strangers);
	r->strangers = NULL;
	r->stranger_count = r->stranger_cap = 0;
}

static struct stranger *stranger_find(struct reaper *r, pid_t pid)
{
	for (size_t i = 0; i < r->stranger_count; i++)
		if (r->strangers[i].pid == pid)
			return &r->strangers[i];
	return NULL;
}

static void stranger_keep(struct reaper *r, pid_t pid, int status)
{
	struct stranger *same = stranger_find(r, pid);

	/* Numbers come again: whoever asks means the latest. */
	if (same) {
		same->status = status;
		return;
	}
	if (r->stranger_count == STRANGERS_MAX) {
		for (size_t i = 1; i < r->stranger_count; i++)
			r->strangers[i - 1] = r->strangers[i];
		r->stranger_count--;
	}
	if (r->stranger_count == r->stranger_cap) {
		size_t cap = r->stranger_cap ? r->stranger_cap * 2 : 16;
		struct stranger *grown = reallocarray(r->strangers, cap, sizeof(*grown));

		if (!grown)
			return; /* its status will be reported as unknown */
		r->strangers = grown;
		r->stranger_cap = cap;
	}
	r->strangers[r->stranger_count++] = (struct stranger){ pid, status };
}

static struct exit_watch *watch_find(struct reaper *r, pid_t pid)
{
	for (struct list *at = r->watches.next; at != &r->watches; at = at->next) {
		struct exit_watch *w = list_entry(at, struct exit_watch, place);

		if (w->pid == pid)
			return w;
	}
	return NULL;
}

void reaper_hold(struct reaper *r)
{
	r->holds++;
}

void reaper_release(struct reaper *r)
{
	if (--r->holds == 0)
		reaper_free(r);
}

/* Takes the kept status of a process out. */
static bool stranger_take(struct reaper *r, pid_t pid, int *status)
{
	struct stranger *s = stranger_find(r, pid);

	if (!s)
		return false;
	*status = s->status;
	*s = r->strangers[--r->stranger_count];
	return true;
}

static bool is_child(pid_t pid)
{
	siginfo_t info = { 0 };

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static void watch_report(struct exit_watch *w, int status)
{
	exit_watch_remove(w);
	w->fn(w, status);
}

static void late_passed(struct loop_timer *timer)
{
	struct exit_watch *w = timer->data;

	watch_report(w, w->status);
}

/* --- another's child ---------------------------------------------------------------------------------------------- */

static void foreign_close(struct exit_watch *w)
{
	if (!w->foreign)
		return;
	loop_io_remove(&w->gone);
	close(w->gone.fd);
	w->foreign = false;
}

/* Whether its end is known, with the status. Of one that has become ours reaper_run() will hear. */
static bool foreign_look(struct exit_watch *w)
{
	if (is_child(w->pid)) {
		foreign_close(w);
		return false;
	}
	if (stranger_take(w->reaper, w->pid, &w->status))
		return true;
	if (process_signal(w->gone.fd, 0, NULL) == 0)
		return false; /* it lives, or its parent has not reaped it yet */
	w->status = 255 << 8; /* its parent has reaped it: that is no success */
	return true;
}

static void foreign_ready(struct loop_io *io, uint32_t events)
{
	struct exit_watch *w = io->data;

	(void)events;
	if (foreign_look(w))
		watch_report(w, w->status);
}

static int foreign_open(struct exit_watch *w, struct error *err)
{
	if (!process_descends(w->pid))
		return error_set(err, ESRCH, "process %d", (int)w->pid);
	w->gone = (struct loop_io){
		.fd = process_open(w->pid, err), .events = EPOLLIN | EPOLLET, .fn = foreign_ready, .data = w
	};
	if (w->gone.fd < 0)
		return -1;
	w->foreign = true;
	if (loop_io_add(w->reaper->loop, &w->gone, err) == 0)
		return 0;
	foreign_close(w);
	return -1;
}

/* After children have ended: what was theirs is ours now. */
static void foreign_look_all(struct reaper *r)
{
	struct list *at = r->watches.next;

	while (at != &r->watches) {
		struct exit_watch *w = list_entry(at, struct exit_watch, place);

		at = at->next;
		if (!w->foreign || !foreign_look(w))
			continue;
		watch_report(w, w->status);
		at = r->watches.next; /* the function may have removed any */
	}
}

void reaper_run(struct reaper *r)
{
	struct exit_watch *w;
	int status;
	pid_t pid;

	for (;;) {
		pid = waitpid(-1, &status, WNOHANG);
		if (pid < 0 && errno == EINTR)
			continue;
		if (pid <= 0)
			break;
		w = watch_find(r, pid);
		if (w) {
			watch_report(w, status);
		} else if (r->holds > 0) {
			stranger_keep(r, pid, status);
		}
	}
	foreign_look_all(r);
}

int exit_watch_add(struct reaper *r, struct exit_watch *watch, pid_t pid, struct error *err)
{
	bool child = is_child(pid);

	watch->pid = pid;
	watch->foreign = false;
	watch->late = (struct loop_timer){ .fn = late_passed, .data = watch };
	watch->reaper = r;
	/* A live child with the number of a kept status is another process than that. */
	if (!child &&
	    (stranger_take(r, pid, &watch->status) ? loop_timer_after(r->loop, &watch->late, 0, err)
						   : foreign_open(watch, err)) < 0) {
		watch->reaper = NULL;
		return -1;
	}
	list_append(&r->watches, &watch->place);
	return 0;
}

void exit_watch_remove(struct exit_watch *watch)
{
	if (!watch->reaper)
		return;
	list_remove(&watch->place);
	loop_timer_disarm(&watch->late);
	foreign_close(watch);
	watch->reaper = NULL;
}
