/* Switches on the kernel's command line. */
#pragma once

#include <stdbool.h>

#include "buf.h"

/* Reads /proc/cmdline. */
int cmdline_read(struct buf *out, struct error *err);

/* Whether the text (blank-separated words) has the word, e.g. "linuxkit.runc_debug=1". */
bool cmdline_has(const char *text, const char *word);
/* The value of the last word KEY=VALUE; NULL: there is none. The caller frees it. */
char *cmdline_value(const char *text, const char *key);
