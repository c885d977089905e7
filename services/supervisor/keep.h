/* Keeps the supervisor alive where PID 1 does not (one that is not ours): starts it, waits for it, starts it again when
 * it has failed, after a back-off of 0.1 s that doubles up to 30 s. It is the subreaper above the supervisor, so that
 * shims which outlive one become its children. TERM and INT are handed on. */
#pragma once

#include "error.h"

/* Until the supervisor has ended with status 0, which is returned, or has been told to end. */
int keep_run(char *const *argv, struct error *err);
