#include "rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "idmap.h"
#include "io.h"
#include "loopdev.h"
#include "mountformat.h"
#include "mountinfo.h"
#include "mountopt.h"
#include "str.h"

enum {
	MOUNTINFO_MAX = 64 << 20,
	DATA_MAX = 3584, /* of mount(2)'s page, as containerd leaves room too */
};

/* --- overlays with many layers -------------------------------------------------------------------------------- */

static const char *option_paths(const char *option)
{
	static const char name[] = "lowerdir=";

	return str_starts(option, name) ? option + strlen(name) : NULL;
}

/* Shortens *n to what of `common` this path begins with. */
static void common_with(const char *common, size_t *n, const char *path, size_t len)
{
	size_t i = 0;

	while (i < *n && i < len && common[i] == path[i])
		i++;
	while (i > 0 && common[i - 1] != '/')
		i--;
	*n = i;
}

/* The options' paths without their first `cut` bytes each. */
static int options_cut(char *const *options, size_t cut, char ***out)
{
	for (char *const *o = options; *o; o++) {
		const char *paths = option_paths(*o);
		_cleanup_strv_ char **parts = NULL;
		_cleanup_free_ char *joined = NULL;

		if (!paths) {
			if (strv_add(out, *o) < 0)
				return -1;
			continue;
		}
		parts = strv_split(paths, ":");
		for (char **p = parts; p && *p; p++)
			memmove(*p, *p + cut, strlen(*p + cut) + 1);
		joined = parts ? strv_join(parts, ":") : NULL;
		if (!joined || strv_addf(out, "%.*s%s", (int)(paths - *o), *o, joined) < 0)
			return -1;
	}
	return 0;
}

int rootfs_compact(char *const *options, char **dir, char ***shorter, struct error *err)
{
	_cleanup_strv_ char **cut = NULL;
	const char *common = NULL;
	size_t n = 0;

	*dir = NULL;
	*shorter = NULL;
	for (char *const *o = options; *o; o++) {
		const char *path = option_paths(*o);

		while (path && *path) {
			size_t len = strcspn(path, ":");

			if (!common) {
				common = path;
				n = len;
			}
			common_with(common, &n, path, len);
			path += len + (path[len] == ':');
		}
	}
	/* A path with an escaped colon cannot be told from two. */
	for (char *const *o = options; *o; o++)
		if (option_paths(*o) && strchr(*o, '\\'))
			n = 0;
	if (n <= 1)
		return 0;
	*dir = strndup(common, n);
	if (!*dir || options_cut(options, n, &cut) < 0) {
		free(*dir);
		*dir = NULL;
		return error_set(err, ENOMEM, "mount options");
	}
	*shorter = steal_ptr(&cut);
	return 0;
}

static size_t options_size(char *const *options)
{
	size_t n = 0;

	for (char *const *o = options; *o; o++)
		n += strlen(*o) + 1;
	return n;
}

/* --- one mount --------------------------------------------------------------------------------------------------- */

/* As the kernel is to be asked for it. */
struct prepared {
	char *type, *source, *target;
	char *uids, *gids; /* how owners are mapped; NULL: not */
	char **options;
	bool loop;
};

#define _cleanup_prepared_ _cleanup_(prepared_clear)
static void prepared_clear(struct prepared *p)
{
	free(p->type);
	free(p->source);
	free(p->target);
	free(p->uids);
	free(p->gids);
	strv_free(p->options);
	*p = (struct prepared){ 0 };
}

static const char uidmap_name[] = "uidmap=", gidmap_name[] = "gidmap=";
static const char format_prefix[] = "format/", mkdir_prefix[] = "mkdir/";

/* An option of containerd's own is carried out, what is the file system's is kept. */
static int option_take(const char *option, bool mkdirs, struct prepared *p, struct error *err)
{
	int r = mkdirs ? mount_mkdir(option, err) : 0;

	if (r != 0)
		return r < 0 ? -1 : 0;
	if (str_eq(option, "loop")) {
		p->loop = true;
		return 0;
	}
	if (str_starts(option, uidmap_name) || str_starts(option, gidmap_name)) {
		char **map = str_starts(option, uidmap_name) ? &p->uids : &p->gids;

		free(*map);
		*map = strdup(option + strlen(uidmap_name));
		return *map ? 0 : error_set(err, ENOMEM, "mount options");
	}
	return strv_add(&p->options, option) < 0 ? error_set(err, ENOMEM, "mount options") : 0;
}

static char *field(const char *text, bool format, const struct mount_made *made, size_t count, struct error *err)
{
	char *copy = format ? mount_format(text, made, count, err) : strdup(text);

	if (!copy && !format)
		error_set(err, ENOMEM, "mount");
	return copy;
}

static int prepare(const Containerd__Types__Mount *m, const struct mount_made *made, size_t count, struct prepared *p,
		   struct error *err)
{
	bool format = false, mkdirs = false;
	const char *type = m->type;

	for (;;) {
		if (str_starts(type, format_prefix)) {
			format = true;
			type += strlen(format_prefix);
		} else if (str_starts(type, mkdir_prefix)) {
			mkdirs = true;
			type += strlen(mkdir_prefix);
		} else {
			break;
		}
	}
	p->type = strdup(type);
	if (!p->type)
		return error_set(err, ENOMEM, "mount");
	p->source = field(m->source, format, made, count, err);
	p->target = p->source ? field(m->target, format, made, count, err) : NULL;
	if (!p->target)
		return -1;
	for (size_t i = 0; i < m->n_options; i++) {
		_cleanup_free_ char *option = field(m->options[i], format, made, count, err);

		if (!option || option_take(option, mkdirs, p, err) < 0)
			return -1;
	}
	if (!p->uids != !p->gids)
		return error_say(err, EINVAL, "mount option %smap= without the other's", p->uids ? "uid" : "gid");
	return 0;
}

/* The paths are looked up from the directory that we are in: single-threaded, we can go there and back. */
static int mount_compacted(const struct prepared *p, const char *target, struct error *err)
{
	_cleanup_mount_options_ struct mount_options parsed = { 0 };
	_cleanup_close_ int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_free_ char *dir = NULL;
	_cleanup_strv_ char **shorter = NULL;
	int r;

	if (here < 0)
		return error_set(err, errno, "working directory");
	if (rootfs_compact(p->options, &dir, &shorter, err) < 0)
		return -1;
	if (!dir)
		return error_set(err, E2BIG, "mount options");
	if (mount_options_parse(shorter, &parsed, err) < 0)
		return -1;
	if (chdir(dir) < 0)
		return error_set(err, errno, "%s", dir);
	r = mount_apply(p->source, target, p->type, &parsed, err);
	if (fchdir(here) < 0 && r == 0)
		r = error_set(err, errno, "working directory");
	return r;
}

static int mount_loop(const struct prepared *p, const char *target, const struct mount_options *o, struct error *err)
{
	char device[LOOPDEV_NAME];
	_cleanup_close_ int fd = loopdev_attach(p->source, (o->flags & MS_RDONLY) != 0, device, err);

	return fd < 0 ? -1 : mount_apply(device, target, p->type, o, err);
}

static int mount_plain(const struct prepared *p, const char *target, struct error *err)
{
	_cleanup_mount_options_ struct mount_options parsed = { 0 };

	if (str_eq(p->type, "overlay") && p->options && options_size(p->options) > DATA_MAX)
		return mount_compacted(p, target, err);
	if (mount_options_parse(p->options, &parsed, err) < 0)
		return -1;
	/* A bind mount's type is only a name. */
	return p->loop ? mount_loop(p, target, &parsed, err) : mount_apply(p->source, target, p->type, &parsed, err);
}

/* --- mapped owners ------------------------------------------------------------------------------------------------ */

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
	const char *path = option_paths(option);
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

static void layers_remove(const char *places)
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
static int mount_mapped_overlay(const struct prepared *p, const char *target, int namespace, const char *places,
				struct error *err)
{
	_cleanup_prepared_ struct prepared mapped = { 0 };
	size_t count = 0;

	mapped.type = strdup(p->type);
	mapped.source = strdup(p->source);
	if (!mapped.type || !mapped.source)
		return error_set(err, ENOMEM, "mount");
	for (char **o = p->options; o && *o; o++) {
		char *option = option_paths(*o) ? layers_map(*o, namespace, places, &count, err) : strdup(*o);

		if (!option || strv_take(&mapped.options, option) < 0)
			return option || !option_paths(*o) ? error_set(err, ENOMEM, "mount options") : -1;
	}
	if (count == 0)
		return error_say(err, EINVAL, "an overlay with mapped owners and no lowerdir=");
	return mount_plain(&mapped, target, err);
}

static int mount_mapped(const struct prepared *p, const char *target, const char *places, struct error *err)
{
	_cleanup_close_ int namespace = idmap_namespace(p->uids, p->gids, err), tree = -1;
	int r;

	if (namespace < 0)
		return error_wrap(err, "mapped owners");
	if (str_eq(p->type, "overlay")) {
		r = mount_mapped_overlay(p, target, namespace, places, err);
		layers_remove(places);
		return r;
	}
	if (mount_plain(p, target, err) < 0)
		return -1;
	tree = idmap_clone(target, namespace, strv_has(p->options, "rbind") ? IDMAP_RECURSIVE : 0, err);
	if (tree < 0 || umount2(target, UMOUNT_NOFOLLOW | MNT_DETACH) < 0)
		return tree < 0 ? -1 : error_set(err, errno, "unmount %s", target);
	return idmap_attach(tree, target, err);
}

/* places: where there is room for the layers of an overlay. */
static int mount_one(const char *root, const struct prepared *p, const char *places, struct error *err)
{
	_cleanup_free_ char *below = NULL;
	const char *target = root;

	if (*p->target) {
		if (strstr(p->target, ".."))
			return error_set(err, EINVAL, "mount target %s", p->target);
		target = below = str_format("%s/%s", root, p->target);
		if (!below)
			return error_set(err, ENOMEM, "mount");
	}
	return p->uids ? mount_mapped(p, target, places, err) : mount_plain(p, target, err);
}

/* --- all of them ------------------------------------------------------------------------------------------------- */

static char *parts_dir(const char *target)
{
	return str_format("%s.parts", target);
}

static char *layers_dir(const char *target)
{
	return str_format("%s.layers", target);
}

/* Mounts that a later one is made of have places of their own. */
static size_t parts_count(Containerd__Types__Mount *const *mounts, size_t count)
{
	while (count > 0 && !str_starts(mounts[count - 1]->type, format_prefix))
		count--;
	return count > 0 ? count - 1 : 0;
}

static int part_mount(const char *parts, const Containerd__Types__Mount *m, const char *layers, struct mount_made *made,
		      size_t i, struct error *err)
{
	_cleanup_prepared_ struct prepared p = { 0 };
	_cleanup_free_ char *point = str_format("%s/%zu", parts, i);

	if (!point)
		return error_set(err, ENOMEM, "mount");
	if (prepare(m, made, i, &p, err) < 0 || dir_make(point, 0700, err) < 0 || mount_one(point, &p, layers, err) < 0)
		return -1;
	made[i].source = steal_ptr(&p.source);
	made[i].target = steal_ptr(&p.target);
	made[i].point = steal_ptr(&point);
	return 0;
}

static int mount_all(const char *target, Containerd__Types__Mount *const *mounts, size_t count, size_t part_count,
		     struct mount_made *made, struct error *err)
{
	_cleanup_free_ char *parts = parts_dir(target), *layers = layers_dir(target);

	if (!parts || !layers)
		return error_set(err, ENOMEM, "mounts");
	for (size_t i = 0; i < part_count; i++)
		if (part_mount(parts, mounts[i], layers, made, i, err) < 0)
			return -1;
	for (size_t i = part_count; i < count; i++) {
		_cleanup_prepared_ struct prepared p = { 0 };

		if (prepare(mounts[i], made, part_count, &p, err) < 0 || mount_one(target, &p, layers, err) < 0)
			return -1;
	}
	return 0;
}

int rootfs_mount(const char *target, Containerd__Types__Mount *const *mounts, size_t count, struct error *err)
{
	size_t part_count = parts_count(mounts, count);
	struct mount_made *made = calloc(part_count + 1, sizeof(*made));
	int r = made ? mount_all(target, mounts, count, part_count, made, err) : error_set(err, ENOMEM, "mounts");

	for (size_t i = 0; made && i < part_count; i++) {
		free(made[i].source);
		free(made[i].target);
		free(made[i].point);
	}
	free(made);
	if (r < 0)
		(void)rootfs_unmount(target, NULL); /* the first failure is the one to tell */
	return r;
}

/* --- taking away -------------------------------------------------------------------------------------------------- */

static bool is_below(const char *path, const char *top)
{
	size_t n = strlen(top);

	return strncmp(path, top, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

static int unmount(const char *path, struct error *err)
{
	if (umount2(path, UMOUNT_NOFOLLOW) == 0 || errno == EINVAL || errno == ENOENT)
		return 0;
	/* Somebody still looks at it: it goes when that one does. */
	if (errno == EBUSY && umount2(path, UMOUNT_NOFOLLOW | MNT_DETACH) == 0)
		return 0;
	return error_set(err, errno, "unmount %s", path);
}

/* Only places without anything in them. */
static void parts_remove(const char *parts)
{
	int r = 0;

	for (size_t i = 0; r == 0; i++) {
		_cleanup_free_ char *point = str_format("%s/%zu", parts, i);

		r = point ? rmdir(point) : -1;
	}
	(void)rmdir(parts); /* nearly always there are none */
}

int rootfs_unmount(const char *target, struct error *err)
{
	_cleanup_buf_ struct buf text = { 0 };
	_cleanup_strv_ char **found = NULL;
	_cleanup_free_ char *real = realpath(target, NULL), *parts = NULL, *layers = NULL;
	char *line, *next;
	size_t n;
	int r = 0;

	if (!real)
		return errno == ENOENT ? 0 : error_set(err, errno, "%s", target);
	parts = parts_dir(real);
	layers = layers_dir(real);
	if (!parts || !layers)
		return error_set(err, ENOMEM, "mounts");
	layers_remove(layers); /* of a shim that was killed while it mounted */
	if (file_read("/proc/self/mountinfo", MOUNTINFO_MAX, &text, err) < 0)
		return -1;
	for (line = (char *)buf_bytes(&text); line && *line; line = next) {
		struct mountinfo m;

		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (mountinfo_parse(line, &m) == 0 && (is_below(m.target, real) || is_below(m.target, parts)) &&
		    strv_add(&found, m.target) < 0)
			return error_set(err, ENOMEM, "mounts");
	}
	/* Later ones lie on or in earlier ones. */
	for (n = strv_len(found); n > 0; n--)
		if (unmount(found[n - 1], r == 0 ? err : NULL) < 0)
			r = -1;
	if (r == 0)
		parts_remove(parts);
	return r;
}
