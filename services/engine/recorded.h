/* A process written down in a file as "PID TICKS", ticks being when it started (process.h): a supervisor that follows a
 * killed one finds it, and tells it from a later process of the same number.
 *
 * containerd's record keeps its length and is written in place, so that it can be written when /run is full. It is
 * written before that process runs its program, so that the next supervisor knows of it however far it had come. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "error.h"

/* The bytes of such a file; -1: nonsense. */
int recorded_parse(const char *text, pid_t *pid, uint64_t *ticks);

/* Opens the record, or makes an empty one. The caller closes it. */
int recorded_open(const char *path, struct error *err);
/* pid 0: none. */
int recorded_write(int fd, pid_t pid, struct error *err);
/* A pidfd of the recorded process, -1 where there is none any more. age_us: since it was started. The caller closes
 * it. */
int recorded_process(int fd, pid_t *pid, uint64_t *age_us);
