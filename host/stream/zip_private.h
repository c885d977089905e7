/* Shared by the compressing sinks. */
#pragma once

#include "sink.h"

/* level 0: the usual one. processors: how many there are, at least 1; the result is the same on any number of them. */
struct sink *gzip_sink(struct sink *next, int level, size_t processors, struct error *err);
struct sink *zstd_sink(struct sink *next, int level, size_t processors, struct error *err);
