/* A mount whose files belong to others than the file system says: idmap.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "idmap.h"
#include "io.h"
#include "mount_private.h"

/* A copy of layer N of an overlay with its owners mapped, at PLACES/N. */
static int layer_map(const char *layer, int namespace, const char *places, size_t n, struct error *err)
{
	_cleanup_free_ char *place = str_format("%s/%zu", places, n);
	_cleanup_close_ int tree = -1;

	if (!place)
		return error_set(err, ENOMEM, "mount");
	tree = idmap_clone(layer, namespace, IDMAP_READ_ONLY, err);
	return tree < 0 || dir_make(place, 0700, err) < 0 || idmap_attach(tree, place, err) < 0 ? -1 : 0;
}

/* "lowerdir=A:B" with each path in its place below `places`. */
static char *layers_map(const char *option, int namespace, const char *places, size_t *count, struct error *err)
{
	const char *path = overlay_paths(option);
	_cleanup_buf_ struct buf out = { 0 };
	int r = buf_add(&out, option, (size_t)(path - option));

	if (strchr(option, '\\')) {
		error_say(err, ENOTSUP, "an overlay with mapped owners and a backslash in its layers: %s", option);
		return NULL;
	}
	for (; r == 0 && *path; path += *path == ':') {
		_cleanup_free_ char *layer = strndup(path, strcspn(path, ":"));

		path += strcspn(path, ":");
		/* Two colons in a row say that data-only layers follow. */
		if (layer && *layer) {
			if (layer_map(layer, namespace, places, *count, err) < 0)
				return NULL;
			r = buf_addf(&out, "%s/%zu", places, (*count)++);
		}
		if (!layer || r < 0 || (*path && buf_add(&out, ":", 1) < 0))
			r = -1;
	}
	if (r < 0)
		error_set(err, ENOMEM, "mount options");
	return r < 0 ? NULL : buf_steal_text(&out);
}

void mount_places_remove(const char *places)
{
	int r = 0;

	for (size_t i = 0; r == 0; i++) {
		_cleanup_free_ char *place = str_format("%s/%zu", places, i);

		if (place)
			(void)umount2(place, UMOUNT_NOFOLLOW | MNT_DETACH); /* the overlay has what it needs of it */
		r = place ? rmdir(place) : -1;
	}
	(void)rmdir(places);
}

/* The kernel looks at the owners of the layers, not of the overlay: that takes copies of them to be made of. */
static int mount_mapped_overlay(const struct mount_prepared *p, const char *target, int namespace, const char *places,
				struct error *err)
{
	_cleanup_mount_prepared_ struct mount_prepared mapped = { 0 };
	size_t count = 0;

	mapped.type = strdup(p->type);
	mapped.source = strdup(p->source);
	if (!mapped.type || !mapped.source)
		return error_set(err, ENOMEM, "mount");
	for (char **o = p->options; o && *o; o++) {
		char *option = overlay_paths(*o) ? layers_map(*o, namespace, places, &count, err) : strdup(*o);

		if (!option || strv_take(&mapped.options, option) < 0)
			return option || !overlay_paths(*o) ? error_set(err, ENOMEM, "mount options") : -1;
	}
	if (count == 0)
		return error_say(err, EINVAL, "an overlay with mapped owners and no lowerdir=");
	return mount_make(&mapped, target, err);
}

int mount_make_mapped(const struct mount_prepared *p, const char *target, const char *places, struct error *err)
{
	_cleanup_close_ int namespace = idmap_namespace(p->uids, p->gids, err), tree = -1;
	int r;

	if (namespace < 0)
		return error_wrap(err, "mapped owners");
	if (str_eq(p->type, "overlay")) {
		r = mount_mapped_overlay(p, target, namespace, places, err);
		mount_places_remove(places);
		return r;
	}
	if (mount_make(p, target, err) < 0)
		return -1;
	tree = idmap_clone(target, namespace, strv_has(p->options, "rbind") ? IDMAP_RECURSIVE : 0, err);
	if (tree < 0 || umount2(target, UMOUNT_NOFOLLOW | MNT_DETACH) < 0)
		return tree < 0 ? -1 : error_set(err, errno, "unmount %s", target);
	return idmap_attach(tree, target, err);
}
