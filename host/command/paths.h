/* Where the command keeps what it can make again. */
#pragma once

#include "error.h"

/* "${XDG_CACHE_HOME:-~/.cache}/pith/SUB"; directories are made, SUB itself is not. Caller frees; NULL on failure. */
char *path_cache(const char *sub, struct error *err);
