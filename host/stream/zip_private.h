/* Shared by the compressing sinks. */
#pragma once

#include "sink.h"

/* gzip on all processors; see gzip.c. */
struct sink *gzip_sink(struct sink *next, int level, struct error *err);
