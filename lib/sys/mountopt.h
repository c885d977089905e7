/* Mount options as fstab(5) and LinuxKit's runtime.json write them ("ro", "nosuid", "bind", "size=1m"),
 * turned into what mount(2) wants. */
#pragma once

#include "error.h"

struct mount_options {
	unsigned long flags; /* MS_* but for propagation */
	unsigned long
		propagation; /* MS_SHARED, MS_PRIVATE, MS_SLAVE or MS_UNBINDABLE, perhaps with MS_REC; 0: unchanged */
	char *data;          /* what is left, joined with commas: the file system's own options; NULL: none */
};

#define _cleanup_mount_options_ _cleanup_(mount_options_clear)
void mount_options_clear(struct mount_options *o);

/* options: vector, NULL is an empty one. Later words win over earlier ones. Fails without memory, or with E2BIG
 * where the data would not fit the page that mount(2) reads. */
int mount_options_parse(char *const *options, struct mount_options *out, struct error *err);

/* Does it in as many calls as the kernel needs: read-only and the like take effect on a bind mount only in a
 * second one, propagation always in one of its own. source, type: NULL is legal where mount(2) ignores them.
 * A mount whose second step fails is taken away again. */
int mount_apply(const char *source, const char *target, const char *type, const struct mount_options *o,
		struct error *err);

/* The same on descriptors: target is an O_PATH descriptor of the mount point, or of the mount itself where the options
 * say remount; parent and name are the directory that holds it and its name there (empty: none), by which the new mount
 * is found for further steps, and nothing else. `shown` is for messages. */
struct mount_place {
	int target, parent;
	const char *name, *shown;
};

int mount_apply_at(const char *source, const struct mount_place *place, const char *type, const struct mount_options *o,
		   struct error *err);
