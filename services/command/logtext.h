/* Lines of a log on their way out: the last so many of them, a time before each. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

/* Where the last n lines begin; n < 0: all. */
size_t logtext_tail(const char *text, size_t len, long n);

/* A point in time as docker takes it: seconds since 1970, 2026-01-31T12:00:00[.5][Z|+01:00], 2026-01-31, or how long
 * ago (10m). Microseconds since 1970; -1: it is none of these. */
int logtext_time_parse(const char *text, uint64_t now, uint64_t *out);

enum { LOGTEXT_TIME = 32 };
/* 2026-01-31T12:00:00.000000Z */
void logtext_time_format(char out[LOGTEXT_TIME], uint64_t time);

/* What is written to standard output; zero-initialise. */
struct logtext {
	bool times;
	/* private */
	bool within; /* a line has begun */
	int stream;
};

/* A piece of one stream; time 0: not known. */
int logtext_write(struct logtext *l, int stream, uint64_t time, const char *text, size_t n, struct error *err);
