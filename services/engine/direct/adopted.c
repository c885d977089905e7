#include "adopted.h"

#include <poll.h>
#include <sys/inotify.h>

#include "cleanup.h"
#include "orphan.h"
#include "process.h"

enum { NOTE_US = 2 * 1000 * 1000 }; /* for PID 1, to reap what has ended; another than ours leaves no note */

void adopted_forget(struct adopted *a)
{
	loop_timer_disarm(&a->patience);
	loop_io_remove(&a->process);
	loop_io_remove(&a->note);
	cleanup_close(&a->process.fd);
	cleanup_close(&a->note.fd);
	a->process.fd = a->note.fd = -1;
}

static void note_read(struct adopted *a)
{
	int code = orphan_status(a->pid);

	adopted_forget(a);
	a->ended(a->data, code);
}

static void note_late(struct loop_timer *timer)
{
	note_read(timer->data);
}

static void note_written(struct loop_io *io, uint32_t events)
{
	(void)events;
	note_read(io->data);
}

void adopted_await(struct adopted *a, struct loop *loop, pid_t pid)
{
	char path[ORPHAN_PATH];

	adopted_forget(a);
	a->loop = loop;
	a->pid = pid;
	orphan_path(path, pid);
	a->patience = (struct loop_timer){ .fn = note_late, .data = a };
	a->note = (struct loop_io){
		.fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK), .events = EPOLLIN, .fn = note_written, .data = a
	};
	/* Watched first, then looked: it cannot come in between. */
	if (a->note.fd < 0 || inotify_add_watch(a->note.fd, path, IN_MODIFY) < 0 ||
	    loop_io_add(loop, &a->note, NULL) < 0 || orphan_status(pid) >= 0)
		note_read(a);
	else
		loop_timer_after(loop, &a->patience, NOTE_US, NULL);
}

static void process_ended(struct loop_io *io, uint32_t events)
{
	struct adopted *a = io->data;

	(void)events;
	adopted_await(a, a->loop, a->pid);
}

bool adopted_watch(struct adopted *a, struct loop *loop, pid_t pid, uint64_t ticks)
{
	uint64_t now;

	a->loop = loop;
	a->pid = pid;
	a->process =
		(struct loop_io){ .fd = process_open(pid, NULL), .events = EPOLLIN, .fn = process_ended, .data = a };
	if (a->process.fd >= 0 && poll(&(struct pollfd){ a->process.fd, POLLIN, 0 }, 1, 0) == 0 &&
	    process_start_time(pid, &now, NULL) == 0 && now == ticks && loop_io_add(loop, &a->process, NULL) == 0)
		return true;
	adopted_forget(a);
	return false;
}
