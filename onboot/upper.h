/* Where what a container or a volume writes is kept: on a disk that somebody has mounted, where the YAML asks for it,
 * else in memory. The folder there has `upper` and `work`, as an overlay wants them. */
#pragma once

#include "error.h"

/* Opens the folder (O_PATH into *fd), made with its parents where it is missing. 1: it is on a disk; 0: nothing is
 * mounted there that keeps anything, or it is read-only, and *fd is -1; -1: error. */
int upper_open(const char *path, int *fd, struct error *err);
