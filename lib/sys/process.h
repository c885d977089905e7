/* Processes that need not be our children: told from later ones of the same number by when they started. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "buf.h"
#include "error.h"

/* What matters of /proc/PID/stat (proc(5)). */
struct process_stat {
	pid_t pid;
	char *name; /* points into the text, which was changed */
	char state;
	pid_t parent;
	uint32_t flags; /* the kernel's PF_* */
	uint64_t start; /* clock ticks after boot */
};

/* 0, or -1 with errno EPROTO. */
int process_stat_parse(char *text, struct process_stat *out);
/* text: holds what the name points to. */
int process_stat_read(pid_t pid, struct buf *text, struct process_stat *out, struct error *err);

/* Clock ticks after boot at which it started. */
int process_start_time(pid_t pid, uint64_t *ticks, struct error *err);

/* Whether it is ours, or that of one of our processes: a subreaper gets it when those in between end. */
bool process_descends(pid_t pid);

/* Waits for a child to end and reaps it: its status as from waitpid(2), or -1 with errno. */
int child_reap(pid_t pid);

/* A pidfd, or -1. The caller closes it. */
int process_open(pid_t pid, struct error *err);
/* Sends a signal through a pidfd; one that has ended is an error with code ESRCH. */
int process_signal(int pidfd, int signo, struct error *err);
