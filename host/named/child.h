/* pith itself as a child: what a named machine needs done, the other commands do. */
#pragma once

#include "buf.h"
#include "error.h"

/* Runs `pith WORD...`, whose words to the user are this process's. Its exit status; -1 where it could not be run, was
 * killed, or had not ended after so many seconds (ETIMEDOUT), when it is killed. */
int child_run(char *const *words, unsigned seconds, struct error *err);
/* The same for another program of PATH, with what it writes taken in (the first max bytes), not shown. */
int child_ask(char *const *argv, unsigned seconds, size_t max, struct buf *output, struct error *err);
/* Becomes `pith WORD...`; returns -1 only. */
int child_become(char *const *words, struct error *err);
/* The path of this program. Caller frees. */
char *child_program(struct error *err);
