/* The field's tools (blkid, mkfs.ext4, e2fsck ...), run to their end. */
#pragma once

#include <stdbool.h>

#include "buf.h"
#include "error.h"

/* Runs it, looked for in PATH. What it prints is appended to said (both streams; NULL: nobody wants it). Returns the
 * exit status, or -1 where it could not be run or a signal ended it. */
int tool_run(char *const *argv, struct buf *said, struct error *err);

/* The same for one that has to end with 0: else its last lines are in the error, joined by "; ". */
int tool_must(char *const *argv, struct error *err);

/* The last lines of what a tool printed, at most three, as one; the caller frees it. */
char *tool_last_lines(const char *said);
