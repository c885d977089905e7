#include "oom.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "io.h"
#include "str.h"

enum { LOOKS = 50, LOOK_US = 20000 };

int64_t oom_kills_parse(const char *text)
{
	static const char key[] = "oom_kill ";
	const char *line;
	char *end;
	unsigned long long n;

	for (line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		if (!str_starts(line, key))
			continue;
		n = strtoull(line + strlen(key), &end, 10);
		return end > line + strlen(key) && n <= INT64_MAX ? (int64_t)n : -1;
	}
	return -1;
}

/* -1: the group is gone, or does not count. */
static int64_t kills_read(const struct oom_watch *w)
{
	char text[512];
	ssize_t n = w->counter < 0 ? -1 : io_pread(w->counter, text, sizeof(text) - 1, 0);

	if (n < 0)
		return -1;
	text[n] = '\0';
	return oom_kills_parse(text);
}

void oom_watch_check(struct oom_watch *w)
{
	int64_t kills = w->active ? kills_read(w) : -1;

	if (kills < 0 || (uint64_t)kills <= w->kills)
		return;
	w->fresh = (uint64_t)kills - w->kills;
	w->kills = (uint64_t)kills;
	w->fn(w);
}

/* Version 1 gives notice before the kill, so that the count may not have grown yet. */
static void kills_look(struct loop_timer *timer)
{
	struct oom_watch *w = timer->data;
	int64_t kills = kills_read(w);

	if (kills < 0) /* the group's removal is a notice as well */
		oom_watch_stop(w);
	else if ((uint64_t)kills > w->kills)
		oom_watch_check(w);
	else if (w->looks-- > 0 && loop_timer_after(w->loop, timer, LOOK_US, NULL) < 0)
		w->looks = 0; /* the check before the end is left */
}

static void v1_ready(struct loop_io *io, uint32_t events)
{
	struct oom_watch *w = io->data;
	uint64_t count;

	(void)events;
	if (read(io->fd, &count, sizeof(count)) < 0)
		return;
	w->looks = LOOKS;
	kills_look(&w->again);
}

static void v2_ready(struct loop_io *io, uint32_t events)
{
	struct oom_watch *w = io->data;

	(void)events;
	/* Reading is what arms the next notice. */
	if (kills_read(w) < 0)
		oom_watch_stop(w);
	else
		oom_watch_check(w);
}

static int file_open(const char *dir, const char *name, int flags)
{
	_cleanup_free_ char *path = str_format("%s/%s", dir, name);

	return path ? open(path, flags | O_CLOEXEC) : -1;
}

/* An eventfd that the kernel signals when the group is out of memory. */
static int v1_open(struct oom_watch *w, const char *dir)
{
	_cleanup_close_ int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), control = -1;
	char text[32];

	w->counter = file_open(dir, "memory.oom_control", O_RDONLY);
	control = file_open(dir, "cgroup.event_control", O_WRONLY);
	if (event < 0 || control < 0 || w->counter < 0)
		return -1;
	snprintf(text, sizeof(text), "%d %d", event, w->counter);
	if (write(control, text, strlen(text)) < 0)
		return -1;
	return steal_fd(&event);
}

int oom_watch_start(struct oom_watch *w, struct loop *loop, const char *dir, bool unified, oom_fn *fn, void *data,
		    struct error *err)
{
	int64_t kills;

	*w = (struct oom_watch){ .fn = fn, .data = data, .counter = -1 };
	w->io = (struct loop_io){ .fd = -1, .data = w };
	w->again = (struct loop_timer){ .fn = kills_look, .data = w };
	w->loop = loop;
	if (unified) {
		w->counter = file_open(dir, "memory.events", O_RDONLY);
		w->io.fd = w->counter < 0 ? -1 : fcntl(w->counter, F_DUPFD_CLOEXEC, 3);
		w->io.events = EPOLLPRI;
		w->io.fn = v2_ready;
	} else {
		w->io.fd = v1_open(w, dir);
		w->io.events = EPOLLIN;
		w->io.fn = v1_ready;
	}
	w->active = true;
	if (w->io.fd < 0 || loop_io_add(loop, &w->io, NULL) < 0) {
		error_set(err, errno, "out-of-memory notices of %s", dir);
		oom_watch_stop(w);
		return -1;
	}
	kills = kills_read(w);
	w->kills = kills > 0 ? (uint64_t)kills : 0;
	return 0;
}

void oom_watch_stop(struct oom_watch *w)
{
	if (!w->active)
		return;
	loop_io_remove(&w->io);
	loop_timer_disarm(&w->again);
	if (w->io.fd >= 0)
		close(w->io.fd);
	if (w->counter >= 0)
		close(w->counter);
	w->io.fd = w->counter = -1;
	w->active = false;
}
