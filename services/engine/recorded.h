/* Which process is our containerd: a file with "PID TICKS" (saved_process_parse()), written before that process runs
 * its program, so that a supervisor that follows a killed one knows of it however far it had come.
 *
 * The file keeps its length and is written in place: one that is there can be written when /run is full. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "error.h"

/* Opens the record, or makes an empty one. The caller closes it. */
int recorded_open(const char *path, struct error *err);
/* pid 0: none. */
int recorded_write(int fd, pid_t pid, struct error *err);
/* A pidfd of the recorded process, -1 where there is none any more. age_us: since it was started. The caller closes
 * it. */
int recorded_process(int fd, pid_t *pid, uint64_t *age_us);
