/* Locks of the image cache: flock(2) on files that only those can open who may change the cache. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "error.h"

/* Opens `name` in the directory, made where it is missing, and waits for the lock (LOCK_SH or LOCK_EX); when
 * that takes more than a moment, who is waited for is said. The descriptor holds it until it is closed. -1 on failure.
 */
int cache_lock(const char *dir, const char *name, int operation, struct error *err);

/* From the text of /proc/locks (proc(5)): the process that has a lock on a file; 0 where it is not there. */
pid_t cache_lock_holder(const char *text, dev_t device, ino_t inode);
