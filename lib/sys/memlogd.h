/* LinuxKit's memory log daemon: it listens on a datagram socket for descriptors to read log lines from. */
#pragma once

#include <stdbool.h>

#include "error.h"

/* The socket of images that run one. */
#define MEMLOGD_SOCKET "/run/linuxkit-external-logging.sock"

/* Whether the daemon's socket is there. */
bool memlogd_present(void);

/* A new log stream by this name (at most 255 bytes): what is written to the returned descriptor is logged line by
 * line. -1 on failure; the caller closes it. */
int memlogd_open(const char *name, struct error *err);
/* The same through a socket that the caller names, and answers for. */
int memlogd_open_at(const char *path, const char *name, struct error *err);
