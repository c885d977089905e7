/* Inside of rootfs.h, from the top down:
 *
 *     rootfs.c          all mounts of a root, and their removal
 *     mount_mapped.c    a mount whose owners are mapped
 *     mount_make.c      a mount as the kernel takes it
 *     mount_prepare.c   what containerd wrote -> what the kernel is to be asked for
 *     overlay.c         the options of an overlay with many layers */
#pragma once

#include <stddef.h>

#include "mountformat.h"
#include "str.h"
#include "types.pb-c.h"

/* As the kernel is to be asked for it. */
struct mount_prepared {
	char *source, *target, *type;
	char *uids, *gids; /* how owners are mapped; NULL: not */
	char **options;
	bool loop;
};

#define _cleanup_mount_prepared_ _cleanup_(mount_prepared_clear)
void mount_prepared_clear(struct mount_prepared *p);
/* made: the mounts before it, which it may refer to. */
int mount_prepare(const Containerd__Types__Mount *m, const struct mount_made *made, size_t count,
		  struct mount_prepared *p, struct error *err);
/* Whether it refers to mounts before it. */
bool mount_has_format(const Containerd__Types__Mount *m);

/* Without mapped owners. */
int mount_make(const struct mount_prepared *p, const char *target, struct error *err);
/* places: a directory that is made for the layers of an overlay, and taken away again. */
int mount_make_mapped(const struct mount_prepared *p, const char *target, const char *places, struct error *err);
/* What a shim that was killed meanwhile left there. */
void mount_places_remove(const char *places);

/* The paths behind "lowerdir=", NULL: it is another option. */
static inline const char *overlay_paths(const char *option)
{
	static const char name[] = "lowerdir=";

	return str_starts(option, name) ? option + strlen(name) : NULL;
}
