/* What the memory log daemon answers: a line {"time": ..., "source": NAME or NAME.out, "msg": TEXT} for each message.
 */
#pragma once

#include <stddef.h>

#include "buf.h"

/* Appends the text of one line and a newline where it is that service's; other sources and broken lines are passed
 * over. -1 without memory. */
int memory_line_parse(const char *line, size_t n, const char *name, struct buf *out);
