/* systemd's notification protocol (sd_notify(3)): a datagram of lines NAME=VALUE. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Whether one of the lines is READY=1. */
bool notify_is_ready(const char *text, size_t n);
