/* A guard: a small process that removes a file or a directory tree when this process is gone, however it went (also by
 * SIGKILL). It holds no other descriptors and takes no terminal signals. */
#pragma once

#include "error.h"

/* The handle: a descriptor. -1 on failure. */
int guard_start(const char *path, struct error *err);
/* Sends the guard home without work. */
void guard_release(int *guard);
/* Lets it do its work and waits until that is done. */
void guard_fire(int *guard);
