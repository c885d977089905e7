/* A process of pith's own beside a command: `pith COMMAND --ready-fd=4 ...`, which gets a descriptor of whoever starts
 * it and writes a byte to the other when it is ready. What it has to say goes to the same standard error. It is out of
 * reach of the terminal's signals, which are for the machine. */
#pragma once

#include <sys/types.h>

#include "error.h"

enum { HELPER_FD = 3, HELPER_READY_FD = 4 };

/* argv: with "pith" at first, and the two numbers. fd: becomes HELPER_FD there, stays the caller's here. Waits until it
 * is ready. Returns its pid, a child of the caller's, or -1: it has ended, and said why; `failed` is the error here. */
pid_t helper_start(char *const *argv, int fd, const char *failed, struct error *err);
