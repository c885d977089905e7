/* Processes that are not our children: told from later ones of the same number by when they started. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "error.h"

/* Clock ticks after boot at which it started (field 22 of /proc/PID/stat, proc(5)). */
int process_start_time(pid_t pid, uint64_t *ticks, struct error *err);

/* Whether it is ours, or that of one of our processes: a subreaper gets it when those in between end. */
bool process_descends(pid_t pid);

/* A pidfd, or -1. The caller closes it. */
int process_open(pid_t pid, struct error *err);
/* Sends a signal through a pidfd; one that has ended is an error with code ESRCH. */
int process_signal(int pidfd, int signo, struct error *err);
