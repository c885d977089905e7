#include "procs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "io.h"
#include "loop.h"
#include "process.h"
#include "str.h"

enum { KERNEL_THREAD = 0x00200000 }; /* PF_KTHREAD */

static bool process_counts(const struct process_stat *p)
{
	return p->pid > 1 && p->pid != getpid() && !(p->flags & KERNEL_THREAD) && p->state != 'Z' && p->state != 'X';
}

/* Calls fn for every process that counts; its return value is added up. */
static unsigned procs_each(unsigned (*fn)(const struct process_stat *p, void *data), void *data)
{
	_cleanup_strv_ char **names = dir_names(AT_FDCWD, "/proc", false, NULL);
	_cleanup_buf_ struct buf text = { 0 };
	unsigned n = 0;

	for (char **name = names; name && *name; name++) {
		struct process_stat p;
		uint64_t pid;

		if (str_to_u64(*name, INT32_MAX, &pid) == 0 && process_stat_read((pid_t)pid, &text, &p, NULL) == 0 &&
		    process_counts(&p))
			n += fn(&p, data);
	}
	return n;
}

struct watch {
	struct pollfd *fds;
	size_t count, cap;
};

/* Those without a place are seen in the next round. */
static unsigned watch_add(const struct process_stat *p, void *data)
{
	struct watch *w = data;
	int fd = (int)syscall(SYS_pidfd_open, p->pid, 0);

	if (fd < 0)
		return errno == ESRCH ? 0 : 1;
	if (w->count == w->cap) {
		size_t cap = w->cap ? 2 * w->cap : 64;
		struct pollfd *grown = reallocarray(w->fds, cap, sizeof(*grown));

		if (!grown) {
			close(fd);
			return 1;
		}
		w->fds = grown;
		w->cap = cap;
	}
	w->fds[w->count++] = (struct pollfd){ .fd = fd, .events = POLLIN };
	return 1;
}

/* Until the deadline, or until all that are watched are gone. Where no descriptor was to be had there is nothing to
 * watch, and it is the deadline. */
static void watch_wait(struct watch *w, uint64_t deadline)
{
	size_t left = w->count;

	do {
		uint64_t now = loop_now();

		if (now >= deadline ||
		    (poll(w->fds, w->count, (int)((deadline - now) / 1000 + 1)) < 0 && errno != EINTR))
			return;
		for (size_t i = 0; i < w->count; i++)
			if (w->fds[i].fd >= 0 && w->fds[i].revents) {
				close(w->fds[i].fd);
				w->fds[i].fd = -1;
				left--;
			}
	} while (left > 0 || w->count == 0);
}

static void watch_free(struct watch *w)
{
	for (size_t i = 0; i < w->count; i++)
		if (w->fds[i].fd >= 0)
			close(w->fds[i].fd);
	free(w->fds);
}

static unsigned describe_one(const struct process_stat *p, void *data)
{
	void (**describe)(const struct process_stat *) = data;

	if (*describe)
		(*describe)(p);
	return 1;
}

unsigned procs_end(int signo, uint64_t limit_us, void (*describe)(const struct process_stat *p))
{
	uint64_t deadline = loop_now() + limit_us;

	while (loop_now() < deadline) {
		struct watch w = { 0 };
		unsigned n;

		/* Again in each round: what was started meanwhile has not heard it. A stopped process acts on it when
		 * it is continued. */
		kill(-1, signo);
		kill(-1, SIGCONT);
		n = procs_each(watch_add, &w);
		if (n > 0)
			watch_wait(&w, deadline);
		watch_free(&w);
		if (n == 0)
			return 0;
	}
	return procs_each(describe_one, &describe);
}

int proc_wait(pid_t pid, uint64_t limit_us)
{
	struct watch w = { 0 };
	int r;

	if (watch_add(&(struct process_stat){ .pid = pid }, &w) == 0)
		return 0;
	watch_wait(&w, loop_now() + limit_us);
	r = w.count > 0 && w.fds[0].fd < 0 ? 0 : -1;
	watch_free(&w);
	return r;
}
