/* Where something is put in a folder whose content may be anybody's. */
#pragma once

#include "error.h"

/* A path below the root, which need not be there: no "..", and no link on the way. field: for the error. Caller frees.
 */
char *context_place(const char *root, const char *path, const char *field, struct error *err);
