/* depends.docker-images of build.yml. Each image is named with its digest, so that the same package is always made of
 * the same. */
#include "depends.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "context_place.h"
#include "export.h"
#include "fields.h"
#include "image.h"
#include "io.h"
#include "pull.h"
#include "ref.h"
#include "sources.h"
#include "str.h"

enum { LIST_FILE_MAX = 1 << 20 };

static const struct node *depends_images(const struct recipe *r)
{
	const struct node *depends = node_field(r->root, RECIPE_DEPENDS);

	return depends ? node_field(depends, PKG_DEPENDS_IMAGES) : NULL;
}

bool depends_any(const struct recipe *r)
{
	const struct node *n = depends_images(r);
	const struct node *list = n ? node_field(n, PKG_IMAGES_LIST) : NULL;

	return n && (node_text(n, PKG_IMAGES_FROM_FILE) || (list && list->count));
}

static int list_add_file(char ***list, const struct recipe *r, const char *name, struct error *err)
{
	_cleanup_free_ char *path = source_find(r, name, err);
	_cleanup_buf_ struct buf text = { 0 };
	_cleanup_strv_ char **lines = NULL;
	size_t i;

	if (!path || file_read(path, LIST_FILE_MAX, &text, err) < 0)
		return error_wrap(err, "from-file");
	lines = strv_split(buf_text(&text), "\r\n");
	for (i = 0; lines && lines[i]; i++)
		if (lines[i][0] != '#' && strv_add(list, lines[i]) < 0)
			return error_set(err, ENOMEM, "depends.docker-images");
	return lines ? 0 : error_set(err, ENOMEM, "depends.docker-images");
}

/* The names as they are written. */
static char **depends_list(const struct recipe *r, const struct node *n, struct error *err)
{
	const char *file = node_text(n, PKG_IMAGES_FROM_FILE);
	bool failed = false;
	_cleanup_strv_ char **list = recipe_strings(n, PKG_IMAGES_LIST, &failed);

	if (failed) {
		error_set(err, ENOMEM, "depends.docker-images");
		return NULL;
	}
	if (file && list && list[0]) {
		error_say(err, EINVAL, "list and from-file: only one of them can be given");
		return NULL;
	}
	return file && list_add_file(&list, r, file, err) < 0 ? NULL : steal_ptr(&list);
}

/* The image is in the cache afterwards; what an archive calls it into *name: without the digest, which is no name for
 * `docker load`. */
static int depends_find(const char *text, struct store *store, const struct platform *platform, char **name,
			struct error *err)
{
	_cleanup_image_ struct image *image = NULL;
	_cleanup_ref_ struct ref ref = { 0 };

	if (ref_parse(text, &ref, err) < 0)
		return -1;
	if (!ref.digest)
		return error_say(err, EINVAL, "image %s has no digest: write it as NAME@sha256:...", text);
	image = image_load(store, text, platform, NULL);
	if (!image && image_pull(store, text, platform, err) < 0)
		return -1;
	free(ref.digest);
	ref.digest = NULL;
	*name = ref_cache_name(&ref);
	return *name ? 0 : error_set(err, ENOMEM, "%s", text);
}

/* "alpine@sha256:....tar" of any name that ends so, whatever its tag. */
static char *archive_path(const char *folder, const char *text)
{
	_cleanup_ref_ struct ref ref = { 0 };
	const char *slash;

	if (ref_parse(text, &ref, NULL) < 0)
		return NULL;
	slash = strrchr(ref.name, '/');
	return str_format("%s/%s@%s.tar", folder, slash ? slash + 1 : ref.name, ref.digest);
}

/* One archive each, in a folder that has nothing else. */
static int depends_write_each(const char *folder, char *const *texts, char *const *names, struct store *store,
			      const struct platform *platform, struct error *err)
{
	size_t i;

	if (dir_remove(folder, err) < 0 || dir_make(folder, 0755, err) < 0)
		return -1;
	for (i = 0; texts[i]; i++) {
		_cleanup_free_ char *path = archive_path(folder, texts[i]);

		if (!path)
			return error_set(err, ENOMEM, "%s", texts[i]);
		if (image_export_several(store, (char *[]){ texts[i], NULL }, platform, (char *[]){ names[i], NULL },
					 path, err) < 0)
			return -1;
	}
	return 0;
}

static int depends_write_all(const char *path, char *const *texts, char *const *names, struct store *store,
			     const struct platform *platform, struct error *err)
{
	_cleanup_free_ char *folder = strndup(path, (size_t)(strrchr(path, '/') - path));

	if (!folder)
		return error_set(err, ENOMEM, "%s", path);
	if (dir_make(folder, 0755, err) < 0)
		return -1;
	return image_export_several(store, texts, platform, names, path, err);
}

static int depends_put(const char *folder, const struct node *n, char *const *texts, char *const *names,
		       struct store *store, const struct platform *platform, struct error *err)
{
	const char *file = node_text(n, PKG_IMAGES_TARGET), *dir = node_text(n, PKG_IMAGES_TARGET_DIR);
	_cleanup_free_ char *place = NULL;

	if (!file == !dir)
		return error_say(err, EINVAL,
				 file ? "target and target-dir: only one of them can be given"
				      : "target or target-dir has to say where the images go");
	place = context_place(folder, file ? file : dir, file ? "target" : "target-dir", err);
	if (!place)
		return -1;
	if ((file ? file : dir)[0] == '/' || str_eq(place, folder))
		return error_say(err, EINVAL, "%s: it has to be a path inside of the package's folder",
				 file ? file : dir);
	return file ? depends_write_all(place, texts, names, store, platform, err)
		    : depends_write_each(place, texts, names, store, platform, err);
}

int depends_add(const char *folder, const struct recipe *r, struct store *store, const struct platform *platform,
		struct error *err)
{
	const struct node *n = depends_images(r);
	_cleanup_strv_ char **texts = NULL, **names = NULL;
	size_t i;

	if (!depends_any(r))
		return 0;
	texts = depends_list(r, n, err);
	for (i = 0; texts && texts[i]; i++) {
		char *name = NULL;

		if (depends_find(texts[i], store, platform, &name, err) < 0)
			return error_wrap(err, "depends.docker-images");
		if (strv_take(&names, name) < 0)
			return error_set(err, ENOMEM, "depends.docker-images");
	}
	if (!texts)
		return error_wrap(err, "depends.docker-images");
	if (!names)
		return 0;
	return depends_put(folder, n, texts, names, store, platform, err) < 0 ? error_wrap(err, "depends.docker-images")
									      : 0;
}
