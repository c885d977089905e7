#include "fifo_start.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "cleanup.h"
#include "io.h"
#include "libcontainer.h"
#include "str.h"

enum {
	/* For the container's program to take the place of the runtime's: hooks come before it. */
	PROGRAM_US = 5 * 1000000,
	PROGRAM_LOOK_US = 100,
};

static void io_close(struct loop_io *io)
{
	loop_io_remove(io);
	cleanup_close(&io->fd);
	io->fd = -1;
}

void fifo_start_stop(struct fifo_start *f)
{
	if (!f->active)
		return;
	io_close(&f->fifo);
	io_close(&f->look);
	loop_timer_disarm(&f->program);
	free(f->runtime);
	*f = (struct fifo_start){ .data = f->data };
}

static void start_done(struct fifo_start *f, const struct error *why)
{
	fifo_start_fn *done = f->done;

	fifo_start_stop(f);
	done(f, why);
}

/* --- waiting for the program -------------------------------------------------------------------------------------- */

static char *process_name(pid_t pid)
{
	_cleanup_free_ char *path = str_format("/proc/%d/comm", (int)pid);

	return path ? file_line(path, NULL) : NULL;
}

static bool program_is_there(const struct fifo_start *f)
{
	_cleanup_free_ char *now = process_name(f->pid);

	return !now || !f->runtime || !str_eq(now, f->runtime);
}

static void program_look(struct loop_io *io, uint32_t events)
{
	struct fifo_start *f = io->data;
	uint64_t count;

	(void)events;
	if (read(io->fd, &count, sizeof(count)) == (ssize_t)sizeof(count) && program_is_there(f))
		start_done(f, NULL);
}

static void program_late(struct loop_timer *timer)
{
	start_done(timer->data, NULL);
}

/* The other end has been closed: it takes no more than execve(2) does. */
static void program_await(struct fifo_start *f)
{
	static const struct itimerspec often = { { 0, PROGRAM_LOOK_US * 1000L }, { 0, PROGRAM_LOOK_US * 1000L } };

	io_close(&f->fifo);
	if (program_is_there(f) || !loop_timer_armed(&f->program)) {
		start_done(f, NULL);
		return;
	}
	f->look.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (f->look.fd < 0 || timerfd_settime(f->look.fd, 0, &often, NULL) < 0 ||
	    loop_io_add(f->loop, &f->look, NULL) < 0)
		start_done(f, NULL);
}

/* --- the fifo ----------------------------------------------------------------------------------------------------- */

static void fifo_ready(struct loop_io *io, uint32_t events)
{
	struct fifo_start *f = io->data;
	_cleanup_error_ struct error e = { 0 };
	char byte;
	ssize_t n = read(io->fd, &byte, 1);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0 && !f->passed) {
		libcontainer_start_done(f->root, f->id);
		f->passed = true;
		if (!f->ended && loop_timer_after(f->loop, &f->program, PROGRAM_US, NULL) == 0)
			return;
	}
	if (f->passed) {
		program_await(f);
		return;
	}
	error_set(&e, 0, "OCI runtime start failed: the container's process has ended");
	start_done(f, &e);
}

void fifo_start_ended(struct fifo_start *f)
{
	if (!f->active)
		return;
	f->ended = true;
	/* Nobody is left to come to the other end, but somebody may have been there. */
	if (loop_io_active(&f->fifo))
		fifo_ready(&f->fifo, 0);
	else
		start_done(f, NULL);
}

int fifo_start_begin(struct fifo_start *f, struct loop *loop, const char *root, const char *id, pid_t pid,
		     fifo_start_fn *done)
{
	*f = (struct fifo_start){
		.data = f->data, .loop = loop, .root = root, .id = id, .pid = pid, .done = done, .active = true
	};
	f->fifo = (struct loop_io){ .events = EPOLLIN, .fn = fifo_ready, .data = f };
	f->look = (struct loop_io){ .fd = -1, .events = EPOLLIN, .fn = program_look, .data = f };
	f->program = (struct loop_timer){ .fn = program_late, .data = f };
	/* The name first: the open lets the process go on. */
	f->runtime = process_name(pid);
	f->fifo.fd = libcontainer_start_open(root, id, pid);
	if (f->fifo.fd >= 0 && loop_io_add(loop, &f->fifo, NULL) == 0)
		return 0;
	fifo_start_stop(f);
	return -1;
}
