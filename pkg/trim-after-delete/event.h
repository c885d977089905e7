/* What trim-after-delete reads: Docker's events, and times as Go programs write them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

/* An event of Docker's GET /events, one JSON object of n bytes. 1: something was deleted that took room on the disk: an
 * image, a container, a volume, or what a prune or the builder had; *what is its type, static. 0: another one. -1: this
 * is no event. */
int event_deletes(const char *json, size_t n, const char **what, struct error *err);

/* "10s", "1m30s", "1.5h", "500ms", "0": into microseconds. Units: ns, us, ms, s, m, h. -1: errno EINVAL or ERANGE (over
 * a year). */
int duration_parse(const char *s, uint64_t *out);
