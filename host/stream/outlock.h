/* Two builds that write the same files at the same time would each win with some of them. Whoever begins to write takes
 * a lock under their common name; it is held while the process lives, at most. */
#pragma once

#include "error.h"

struct outlock {
	int fd;
	char *path;
	int guard; /* private */
};

#define _cleanup_outlock_ _cleanup_(outlock_release)
#define OUTLOCK_INIT                  \
	{                             \
		.fd = -1, .guard = -1 \
	}

/* base: DIR/NAME. EBUSY: somebody holds it. Where no lock can be made (a folder that is read-only, a file of somebody
 * else's) there is none: what is to be written there fails by itself, or replaces nothing of theirs. */
int outlock_take(struct outlock *lock, const char *base, struct error *err);
/* It may be taken, released or untouched (OUTLOCK_INIT). */
void outlock_release(struct outlock *lock);
