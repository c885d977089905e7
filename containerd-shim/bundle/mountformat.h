/* Mounts that say how they are to be prepared, as containerd's mount manager writes them: "format/" and "mkdir/" in
 * front of the type, in any number. */
#pragma once

#include <stddef.h>

#include "error.h"

/* A mount that was made before. */
struct mount_made {
	char *source, *target;
	char *point; /* where it is */
};

/* The text with `{{ source N }}`, `{{ target N }}` and `{{ mount N }}` replaced by that of mount N, and
 * `{{ overlay N M }}` by the mount points N to M with colons between. NULL: the error says why not. Caller frees. */
char *mount_format(const char *text, const struct mount_made *made, size_t count, struct error *err);

/* Makes the directory that an option "X-containerd.mkdir.path=PATH[:MODE[:UID:GID]]" names, unless it is there.
 * 1: that was done; 0: the option is another one; -1: it failed. */
int mount_mkdir(const char *option, struct error *err);
