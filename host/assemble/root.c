/* Root file systems from images. Docker puts some files of its own into every image, so these are dropped; and some
 * must exist because something is mounted over them or they say nothing useful in an image: they are made, whatever the
 * image has. */
#include <errno.h>
#include <string.h>

#include "assemble_private.h"
#include "input_tar.h"
#include "layers.h"
#include "str.h"

static const char *const dropped[] = { ".dockerenv", "Dockerfile",   "dev/console", "dev/pts",
				       "dev/shm",    "etc/hostname", "etc/hosts",   "etc/resolv.conf" };

static const char hosts[] = "127.0.0.1       localhost\n"
			    "::1     localhost ip6-localhost ip6-loopback\n"
			    "fe00::0 ip6-localnet\n"
			    "ff00::0 ip6-mcastprefix\n"
			    "ff02::1 ip6-allnodes\n"
			    "ff02::2 ip6-allrouters\n";
static const char no_resolver[] = "\n# no resolv.conf configured\n";

static const char mtab[] = "etc/mtab";
static const char apk_database[] = "lib/apk/db/installed";

struct filter {
	bool has_mtab;
	bool has_packages;
};

static int root_keep(void *data, const char *path, struct tree_node *node, struct error *err)
{
	struct filter *f = data;
	size_t i;

	(void)err;
	for (i = 0; i < array_len(dropped); i++)
		if (str_eq(dropped[i], path))
			return TREE_DROP;
	if (str_eq(path, mtab)) {
		f->has_mtab = true;
		node->inode->mtime = ASSEMBLY_TIME;
		node->inode->mtime_nsec = 0;
	} else if (str_eq(path, apk_database)) {
		f->has_packages = true;
	}
	return TREE_KEEP;
}

/* The path in the tree of a name in a root at prefix, whose parents may be links there. A parent that leads nowhere is
 * taken as it is: tree_add_*() say what is wrong with it. */
static char *path_in_root(const struct tree *t, const char *prefix, const char *path)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *parent = slash ? strndup(path, (size_t)(slash - path)) : NULL, *real = NULL;
	const struct tree_node *dir = parent ? tree_resolve(t, prefix, parent) : NULL;

	if (slash && !parent)
		return NULL;
	if (!dir || dir->inode->type != TREE_DIR)
		return *prefix ? str_format("%s/%s", prefix, path) : strdup(path);
	real = tree_path(dir);
	return real ? str_format("%s%s", real, slash) : NULL;
}

/* A link that leads to a directory stays: a directory in its place would hide the files behind the link. */
static int make_dir(struct tree *t, const char *prefix, const char *path, struct error *err)
{
	_cleanup_free_ char *full = path_in_root(t, prefix, path);
	struct tree_meta meta = fixed_meta(0755);
	const struct tree_node *there;

	if (!full)
		return error_set(err, ENOMEM, "%s", path);
	there = tree_find(t, full);
	if (there && there->inode->type == TREE_SYMLINK) {
		there = tree_resolve(t, prefix, path);
		if (there && there->inode->type == TREE_DIR)
			return 0;
	}
	return tree_add_dir(t, full, &meta, err) ? 0 : -1;
}

static int make_file(struct tree *t, const char *prefix, const char *path, const char *content, struct error *err)
{
	_cleanup_free_ char *full = path_in_root(t, prefix, path);
	struct tree_meta meta = fixed_meta(0644);

	if (!full)
		return error_set(err, ENOMEM, "%s", path);
	return tree_add_bytes(t, full, &meta, content, strlen(content), err) ? 0 : -1;
}

static int make_link(struct tree *t, const char *prefix, const char *path, uint32_t mode, const char *target,
		     struct error *err)
{
	_cleanup_free_ char *full = path_in_root(t, prefix, path);
	struct tree_meta meta = fixed_meta(mode);

	if (!full)
		return error_set(err, ENOMEM, "%s", path);
	return tree_add_symlink(t, full, &meta, target, err) ? 0 : -1;
}

/* In the reference's order and with its modes, also of links. */
static int make_fixed(struct tree *t, const char *prefix, const struct filter *f, const char *resolv_link,
		      struct error *err)
{
	static const char *const dirs[] = { "dev", "dev/pts", "dev/shm", "etc", "proc", "sys" };
	size_t i;

	for (i = 0; i < array_len(dirs); i++)
		if (make_dir(t, prefix, dirs[i], err) < 0)
			return -1;
	if (make_file(t, prefix, "etc/hosts", hosts, err) < 0)
		return -1;
	if (!f->has_mtab && make_link(t, prefix, mtab, 0755, "/proc/mounts", err) < 0)
		return -1;
	if (resolv_link)
		return make_link(t, prefix, "etc/resolv.conf", 0644, resolv_link, err);
	return make_file(t, prefix, "etc/resolv.conf", no_resolver, err);
}

int root_prefix(struct tree *t, const char *path, struct error *err)
{
	_cleanup_free_ char *part = strdup(path);
	char *slash;

	if (!part)
		return error_set(err, ENOMEM, "%s", path);
	for (slash = strchr(part, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (make_dir(t, "", part, err) < 0)
			return -1;
		*slash = '/';
	}
	return make_dir(t, "", path, err);
}

int root_add(struct assembly *a, const char *prefix, const struct image *image, const char *resolv_link, bool *packages,
	     struct error *err)
{
	struct tree *t = a->tree;
	struct filter f = { 0 };
	int r;

	if (*prefix && root_prefix(t, prefix, err) < 0)
		return -1;
	r = input_tar_take(a, prefix, err);
	if (r < 0 || (r == 0 && image_unpack(t, prefix, image, root_keep, &f, err) < 0))
		return -1;
	if (r > 0) { /* the link was made by the build before, where the image had none */
		_cleanup_free_ char *apk = path_in_root(t, prefix, apk_database);

		f.has_mtab = true;
		f.has_packages = apk && tree_find(t, apk);
	}
	if (packages)
		*packages = f.has_packages;
	return make_fixed(t, prefix, &f, resolv_link, err);
}
