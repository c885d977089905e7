/* Packages of the distribution as a source of files: found and fetched with apt, verified, unpacked without being
 * installed. Fetched packages are kept below the user's cache directory. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control.h"
#include "error.h"
#include "outfile.h"

struct deb {
	struct control control;
	unsigned level; /* 0: asked for; n: a library that one of level n - 1 depends on */
	char *dir;      /* where it is unpacked; NULL: not yet */
};

struct debian {
	struct deb *list; /* by level */
	size_t count;
	unsigned levels;
	char *arch; /* Debian's name */
	char **apt; /* private: options that have apt speak of that architecture; NULL: not known yet */
	struct temp_dir temp;
};
#define DEBIAN_INIT                   \
	{                             \
		.temp = TEMP_DIR_INIT \
	}
#define _cleanup_debian_ _cleanup_(debian_clear)

/* Finds the packages by name, and with `libraries` those that hold libraries among their dependencies, theirs too.
 * Nothing is fetched. The answer is kept until apt's lists or configuration change. */
int debian_resolve(struct debian *d, char *const *names, bool libraries, const char *arch, struct error *err);
/* Fetches (where the cache does not have them) and unpacks the packages of a level that are not unpacked. */
int debian_unpack(struct debian *d, unsigned level, struct error *err);
/* Removes what was unpacked. */
void debian_clear(struct debian *d);
