/* What a package's image holds: packages of the distribution first, then the files of build.yml, which may replace
 * theirs, the libraries that all of it is linked against, and last the list of the packages. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "closure.h"
#include "fields.h"
#include "package_private.h"
#include "progress.h"
#include "select.h"
#include "sources.h"
#include "str.h"
#include "walk.h"

struct placing {
	struct tree *tree;
	const struct recipe *recipe;
	const char *foreign;          /* the image's architecture, where it is not this machine's */
	const char *path;             /* in the image */
	const struct tree_meta *meta; /* mode 0: as it is */
};

static int recipe_place(void *data, const struct walk_entry *e, struct error *err)
{
	const struct placing *at = data;
	_cleanup_free_ char *path = str_format("%s%s%s", at->path, *e->path ? "/" : "", e->path);
	struct tree_meta meta = *at->meta;

	if (!path)
		return error_set(err, ENOMEM, "%s", e->host);
	if (!meta.mode || *e->path)
		meta.mode = e->mode;
	switch (e->type) {
	case WALK_DIR:
		return tree_add_dir(at->tree, path, &meta, err) ? 0 : -1;
	case WALK_SYMLINK:
		return tree_add_symlink(at->tree, path, &meta, e->target, err) ? 0 : -1;
	default:
		if (at->foreign && sources_check_program(at->recipe, e->host, at->foreign, err) < 0)
			return -1;
		return tree_add_file(at->tree, path, &meta, e->host, err) ? 0 : -1;
	}
}

static uint32_t file_owner(const struct node *n, size_t field)
{
	const struct node *id = node_field(n, field);

	return id ? (uint32_t)node_number(id) : 0;
}

static int add_path(struct tree *t, const struct package *p, const struct node *n, const char *path, struct error *err)
{
	const struct recipe *r = &p->recipe;
	const char *mode = node_text(n, PKG_FILE_MODE);
	const char *source = node_text(n, PKG_FILE_SOURCE), *target = node_text(n, PKG_FILE_SYMLINK);
	const struct node *contents = node_field(n, PKG_FILE_CONTENTS);
	struct tree_meta meta = { .mode = mode ? (uint32_t)strtoul(mode, NULL, 8) : 0 };
	struct placing at = { .tree = t, .recipe = r, .foreign = package_foreign(p), .path = path, .meta = &meta };

	path += strspn(path, "/");
	at.path = path;
	meta.uid = file_owner(n, PKG_FILE_UID);
	meta.gid = file_owner(n, PKG_FILE_GID);
	if (source) {
		_cleanup_free_ char *host = source_find(r, source, err);

		return host ? walk_host(host, recipe_place, &at, err) : -1;
	}
	if (target)
		return tree_add_symlink(t, path, &(struct tree_meta){ 0777, meta.uid, meta.gid, 0 }, target, err) ? 0
														  : -1;
	if (!mode)
		meta.mode = contents ? 0644 : 0755;
	if (contents)
		return tree_add_bytes(t, path, &meta, contents->text, contents->len, err) ? 0 : -1;
	return tree_add_dir(t, path, &meta, err) ? 0 : -1;
}

/* "bin/{ls,cat}" is two paths. */
static int add_file(struct tree *t, const struct package *p, const struct node *n, struct error *err)
{
	const char *path = node_text(n, PKG_FILE_PATH), *open = strchr(path, '{'),
		   *close = open ? strchr(open, '}') : NULL;
	_cleanup_free_ char *list = close ? strndup(open + 1, (size_t)(close - open - 1)) : NULL;
	_cleanup_strv_ char **names = NULL;
	size_t i;

	if (!close)
		return add_path(t, p, n, path, err);
	names = list ? strv_split(list, ",") : NULL;
	if (!names)
		return error_set(err, ENOMEM, "%s", path);
	for (i = 0; names[i]; i++) {
		_cleanup_free_ char *one = str_format("%.*s%s%s", (int)(open - path), path, names[i], close + 1);

		if (!one)
			return error_set(err, ENOMEM, "%s", path);
		if (add_path(t, p, n, one, err) < 0)
			return -1;
	}
	return 0;
}

static int add_files(struct tree *t, const struct package *p, struct error *err)
{
	const struct node *files = node_field(p->recipe.root, RECIPE_FILES);
	size_t i;

	for (i = 0; files && i < files->count; i++)
		if (add_file(t, p, files->items[i], err) < 0)
			return error_wrap(err, "files[%zu] \"%s\"", i, node_text(files->items[i], PKG_FILE_PATH));
	return 0;
}

static int add_debian(struct package *p, struct tree *t, struct error *err)
{
	const struct node *n = node_field(p->recipe.root, RECIPE_DEBIAN);
	bool failed = false;
	_cleanup_strv_ char **include = recipe_strings(n, PKG_DEBIAN_INCLUDE, &failed);
	_cleanup_strv_ char **exclude = recipe_strings(n, PKG_DEBIAN_EXCLUDE, &failed);

	if (failed)
		return error_set(err, ENOMEM, "Debian packages");
	if (p->debs.count == 0 && package_resolve_debian(p, err) < 0) /* not needed for a tag that was given */
		return -1;
	if (debian_unpack(&p->debs, 0, err) < 0)
		return -1;
	return select_add(t, &p->debs, include, exclude, &(struct tree_meta){ 0 }, err);
}

int package_fill(struct package *p, struct tree *t, struct error *err)
{
	const struct node *debian = node_field(p->recipe.root, RECIPE_DEBIAN);

	if (debian && add_debian(p, t, err) < 0)
		return error_wrap(err, "debian");
	if (add_files(t, p, err) < 0)
		return -1;
	if (debian && node_true(debian, PKG_DEBIAN_LIBRARIES) &&
	    closure_add(t, &p->debs, &(struct tree_meta){ 0 }, err) < 0)
		return error_wrap(err, "debian: libraries");
	if (debian && package_add_status(p, t, err) < 0)
		return error_wrap(err, "debian");
	return 0;
}
