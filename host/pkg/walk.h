/* Files and directories of the host as a package takes them: sorted, with modes that do not depend on the umask under
 * which they were checked out. */
#pragma once

#include <stdint.h>

#include "error.h"

enum walk_type {
	WALK_DIR,
	WALK_FILE,
	WALK_SYMLINK,
};

struct walk_entry {
	enum walk_type type;
	const char *path;   /* below what was asked for; "" for that itself */
	const char *host;   /* path on the host */
	const char *target; /* of symbolic links */
	uint32_t mode;      /* 0755 for directories and what is executable, else 0644; 0777 for links */
};

typedef int walk_fn(void *data, const struct walk_entry *e, struct error *err);

/* Calls fn for `host` and, when it is a directory, for everything in it: parents first, names in byte order. A link
 * named as `host` itself is followed, those below are not. Anything but files, directories and links is an error. */
int walk_host(const char *host, walk_fn *fn, void *data, struct error *err);
