/* Bytes from one descriptor to another inside an event loop, in one direction, with back-pressure: while the target
 * takes nothing, nothing more is read. Ends that cannot be polled (files, /dev/null) are read and written at once. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "loop.h"

struct pump;

/* Looks at, and may change, n bytes on their way; returns how many stay (never more). */
typedef size_t pump_filter_fn(void *data, uint8_t *bytes, size_t n);
/* The source ended (error 0) or one of the two failed (an errno). Called once; the pump is stopped by then. */
typedef void pump_end_fn(void *data, bool target, int error);

struct pump {
	int from, to;           /* the caller's; `to` should be nonblocking */
	pump_filter_fn *filter; /* may be NULL */
	pump_end_fn *ended;
	void *data;
	/* private */
	struct loop *loop;
	struct loop_io in, out;
	struct loop_timer soon;
	bool in_polled, out_polled; /* can be */
	uint8_t bytes[8192];
	size_t start, len;
};

/* The struct must stay where it is until pump_stop(). */
int pump_start(struct pump *p, struct loop *loop, struct error *err);
/* Legal at any time, also twice. */
void pump_stop(struct pump *p);
