/* The file in which an OCI runtime leaves a process id (--pid-file). */
#pragma once

#include <sys/types.h>

#include "error.h"

/* The first line of the file's text. -1: no process id, or that of PID 1, which no runtime starts. */
int pid_file_parse(const char *text, pid_t *pid);
/* In a directory that only root writes, such as a bundle. */
int pid_file_read(const char *path, pid_t *pid, struct error *err);
/* In a directory of the machine's below /run, where others may write beside it: only our own plain file counts. */
int pid_file_read_machine(const char *dir, const char *name, pid_t *pid, struct error *err);
