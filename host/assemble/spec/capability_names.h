/* The names of Linux capabilities, CAP_CHOWN (0) to CAP_CHECKPOINT_RESTORE (40). */
#pragma once

#include <stddef.h>

enum { CAPABILITIES = 41 };
extern const char *const capability_names[CAPABILITIES + 1]; /* NULL behind the last */
