/* Mounts whose files belong to others than the file system says (mount_setattr(2), Linux 5.12; layers of
 * overlays 5.19): the root of a container with a user namespace, whose layers belong to the host's users.
 *
 * A mapping is text as containerd's snapshotters write it into mount options: "INSIDE:OUTSIDE:COUNT[,...]". */
#pragma once

#include "buf.h"
#include "error.h"

enum { IDMAP_RANGES = 340 }; /* what user_namespaces(7) takes */

enum { IDMAP_READ_ONLY = 1, IDMAP_RECURSIVE = 2 };

/* The mapping in the form of /proc/PID/uid_map. */
int idmap_format(const char *mapping, struct buf *out, struct error *err);

/* A user namespace without processes, to be named to idmap_clone(). */
int idmap_namespace(const char *uids, const char *gids, struct error *err);

/* A copy of the mount at `path` from there on down, with its owners mapped, as a descriptor: it is attached nowhere and
 * goes with that. flags: IDMAP_RECURSIVE: with the mounts below it. */
int idmap_clone(const char *path, int namespace, unsigned flags, struct error *err);

/* Attaches it. */
int idmap_attach(int tree, const char *target, struct error *err);
