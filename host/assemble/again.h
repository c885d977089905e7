/* `pith build --check-reproducible`: the same build a second time, and whether the bytes are the same. */
#pragma once

#include "error.h"
#include "options.h"

/* The outputs of `o` have been written. Builds again in a process of its own, whose folder, temporary folder, file mode
 * mask, locale, time zone, SOURCE_DATE_EPOCH and number of processors are others, and compares. `build` returns the
 * exit status. -1 with an error that names the first file that differs, and where, or why there is no second build. */
int again_check(const struct build_options *o, int (*build)(struct build_options *o), struct error *err);
