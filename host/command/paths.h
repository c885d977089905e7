/* Where the command keeps its things. */
#pragma once

#include "error.h"

/* "${XDG_CACHE_HOME:-~/.cache}/pith/SUB"; directories are made, SUB itself is not. Caller frees; NULL on failure. */
char *path_cache(const char *sub, struct error *err);

/* "${XDG_DATA_HOME:-~/.local/share}/pith/machines": where machines with names lie; not made. Caller frees; NULL on
 * failure. */
char *path_machines(struct error *err);

/* "${XDG_CONFIG_HOME:-~/.config}/SUB": settings of the user's other programs; not made. Caller frees; NULL on failure.
 */
char *path_config(const char *sub, struct error *err);

/* "PREFIX/share/pith/SUB", where the program is PREFIX/bin/pith, wherever it was unpacked. Caller frees; NULL on
 * failure. */
char *path_shared(const char *sub, struct error *err);
