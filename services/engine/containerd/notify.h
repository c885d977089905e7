/* systemd's notification protocol (sd_notify(3)): a datagram of lines NAME=VALUE. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "error.h"

/* Whether one of the lines is READY=1. */
bool notify_is_ready(const char *text, size_t n);

/* A socket of ours at this path, whatever was there before; -1 on failure. The caller closes it. */
int notify_open(const char *path, struct error *err);
/* Takes what came there; whether it is a datagram with such a line. */
bool notify_read(int fd);
