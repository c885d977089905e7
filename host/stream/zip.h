/* Compression of an output as it is written, on all processors. Deterministic: the result depends on what is written
 * alone, not on times, names or the number of processors. */
#pragma once

#include "error.h"
#include "sink.h"

enum zip {
	ZIP_NONE,
	ZIP_GZIP,
	ZIP_ZSTD,
};

/* "none", "gzip", "zstd", the latter two also with a level ("gzip:9", "zstd:19"); level: 0 where there is none. -1 with
 * an error that lists them. */
int zip_parse(const char *text, enum zip *out, int *level, struct error *err);

/* A sink that compresses into `next`, which stays the caller's and is not finished by it. level 0: the default of
 * the format (gzip 6, zstd 9). NULL on failure. */
struct sink *zip_sink(struct sink *next, enum zip zip, int level, struct error *err);
/* The same on so many processors (at least 1), for who wants to see that it is the same. */
struct sink *zip_sink_on(struct sink *next, enum zip zip, int level, size_t processors, struct error *err);
