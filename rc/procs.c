#include "procs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "io.h"
#include "loop.h"
#include "str.h"

enum { KERNEL_THREAD = 0x00200000 }; /* PF_KTHREAD */

/* "PID (NAME) STATE PPID PGRP SESSION TTY TPGID FLAGS ...": the name may hold anything, also ")". */
int proc_stat_parse(char *text, struct proc_stat *out)
{
	char *open = strchr(text, '('), *close = strrchr(text, ')');
	uint64_t pid, flags;
	char *field, *rest;

	*out = (struct proc_stat){ 0 };
	if (open && close && open < close && open > text && open[-1] == ' ') {
		open[-1] = *close = '\0';
		out->name = open + 1;
		field = strtok_r(close + 1, " \n", &rest);
		out->state = field ? *field : '?';
		for (int i = 0; field && i < 6; i++)
			field = strtok_r(NULL, " \n", &rest);
		if (field && str_to_u64(text, INT32_MAX, &pid) == 0 && str_to_u64(field, UINT32_MAX, &flags) == 0) {
			out->pid = (pid_t)pid;
			out->flags = (uint32_t)flags;
			return 0;
		}
	}
	errno = EINVAL;
	return -1;
}

static bool process_counts(const struct proc_stat *p)
{
	return p->pid > 1 && p->pid != getpid() && !(p->flags & KERNEL_THREAD) && p->state != 'Z' && p->state != 'X';
}

/* Calls fn for every process that counts; its return value is added up. */
static unsigned procs_each(unsigned (*fn)(const struct proc_stat *p, void *data), void *data)
{
	_cleanup_closedir_ DIR *dir = opendir("/proc");
	struct dirent *entry;
	unsigned n = 0;

	while (dir && (entry = readdir(dir))) {
		_cleanup_buf_ struct buf text = { 0 };
		char path[sizeof(entry->d_name) + 8];
		struct proc_stat p;

		if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "%s/stat", entry->d_name);
		if (file_read_at(dirfd(dir), path, 8192, &text, NULL) == 0 &&
		    proc_stat_parse((char *)buf_text(&text), &p) == 0 && process_counts(&p))
			n += fn(&p, data);
	}
	return n;
}

struct watch {
	struct pollfd *fds;
	size_t count, cap;
};

/* Those without a place are seen in the next round. */
static unsigned watch_add(const struct proc_stat *p, void *data)
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

/* Until one deadline or all are gone. */
static void watch_wait(struct watch *w, uint64_t deadline)
{
	size_t left = w->count;

	while (left > 0) {
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
	}
}

static void watch_free(struct watch *w)
{
	for (size_t i = 0; i < w->count; i++)
		if (w->fds[i].fd >= 0)
			close(w->fds[i].fd);
	free(w->fds);
}

static unsigned describe_one(const struct proc_stat *p, void *data)
{
	void (**describe)(const struct proc_stat *) = data;

	if (*describe)
		(*describe)(p);
	return 1;
}

unsigned procs_end(int signo, uint64_t limit_us, void (*describe)(const struct proc_stat *p))
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
		if (w.count == 0 && n > 0)
			poll(NULL, 0, 10); /* no descriptor is to be had: then with patience */
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

	if (watch_add(&(struct proc_stat){ .pid = pid }, &w) == 0)
		return 0;
	watch_wait(&w, loop_now() + limit_us);
	r = w.count > 0 && w.fds[0].fd < 0 ? 0 : -1;
	watch_free(&w);
	return r;
}
