/* The mounts that make a container's root file system. containerd's snapshotters say which; they are made by the shim
 * and taken away by it. */
#pragma once

#include <stddef.h>

#include "error.h"
#include "types.pb-c.h"

/* Makes them in order, on the directory `target` or below it; those that a later one refers to ("format/") get places
 * of their own in TARGET.parts. On failure none is left. */
int rootfs_mount(const char *target, Containerd__Types__Mount *const *mounts, size_t count, struct error *err);
/* Takes away everything that is mounted at `target`, at its parts and below, also what others put there. */
int rootfs_unmount(const char *target, struct error *err);

/* For overlays of so many layers that their paths do not fit into mount(2)'s page: the longest directory (with its
 * slash) that all paths of lowerdir begin with, cut off them. *dir is NULL when there is none. Both are the caller's.
 * For rootfs_mount() and tests. */
int rootfs_compact(char *const *options, char **dir, char ***shorter, struct error *err);
