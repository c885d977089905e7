/* The image of a package in the store: written, named, found again. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "fields.h"
#include "image.h"
#include "image_write.h"
#include "package_private.h"
#include "progress.h"
#include "reach.h"
#include "str.h"

#define LABEL_CONFIG "org.mobyproject.config"

static json_t *make_labels(const struct package *p, struct error *err)
{
	const struct node *labels = node_field(p->recipe.root, RECIPE_LABELS);
	const struct node *config = node_field(p->recipe.root, RECIPE_CONFIG);
	json_t *out = json_object();
	size_t i;
	int failed = !out;

	for (i = 0; !failed && labels && i < labels->count; i++)
		failed = json_object_set_new(out, labels->items[2 * i]->text,
					     json_string(labels->items[2 * i + 1]->text));
	if (!failed && config) {
		_cleanup_free_ char *text = package_config_label(p);

		failed = !text || json_object_set_new(out, LABEL_CONFIG, json_string(text));
	}
	if (!failed)
		return out;
	json_decref(out);
	error_set(err, ENOMEM, "labels");
	return NULL;
}

/* With the PATH that docker build gives an image, where the recipe sets none. */
static char **recipe_environment(const struct recipe *r, bool *failed)
{
	_cleanup_strv_ char **given = recipe_strings(r->root, RECIPE_ENV, failed);
	char **all = NULL;
	size_t i;

	for (i = 0; given && given[i]; i++)
		if (str_starts(given[i], "PATH="))
			return steal_ptr(&given);
	if (strv_add(&all, IMAGE_DEFAULT_PATH) < 0)
		*failed = true;
	for (i = 0; given && given[i]; i++)
		if (strv_add(&all, given[i]) < 0)
			*failed = true;
	return all;
}

static int write_image(const struct package *p, struct store *store, const struct tree *t, struct oci_descriptor *out,
		       struct error *err)
{
	const struct node *root = p->recipe.root;
	bool failed = false;
	_cleanup_strv_ char **entrypoint = recipe_strings(root, RECIPE_ENTRYPOINT, &failed);
	_cleanup_strv_ char **cmd = recipe_strings(root, RECIPE_CMD, &failed);
	_cleanup_strv_ char **env = recipe_environment(&p->recipe, &failed);
	struct image_spec spec = {
		.platform = p->platform,
		.entrypoint = entrypoint,
		.cmd = cmd,
		.env = env,
		.workdir = node_text(root, RECIPE_WORKDIR),
		.user = node_text(root, RECIPE_USER),
	};
	int r;

	if (failed)
		return error_set(err, ENOMEM, "%s", p->image);
	spec.labels = make_labels(p, err);
	if (!spec.labels)
		return -1;
	r = image_write(store, t, &spec, out, err);
	json_decref(spec.labels);
	return r;
}

/* Each name keeps what it has of other platforms: the tag tells what an image was made of, and need not be the one that
 * the image of another platform has under "latest". The names may be another package's: that of another folder. */
static int package_publish(struct package *p, struct store *store, const struct oci_descriptor *manifest,
			   char *const *names, bool force, struct error *err)
{
	_cleanup_free_ char *origin = str_format(ORIGIN_PACKAGE "%s", p->recipe.real_dir ? p->recipe.real_dir : "");
	int r;

	if (!origin)
		return error_set(err, ENOMEM, "%s", p->image);
	r = image_publish(store, manifest, 1, names, true, origin, force ? CLAIM_ANY : CLAIM_OWN, err);
	return r < 0 && err && err->code == EEXIST
		? error_wrap(err, "another image has the name (--force gives it to this one)")
		: r;
}

static int package_build_files(struct package *p, struct store *store, struct oci_descriptor *manifest,
			       struct error *err)
{
	_cleanup_tree_ struct tree *tree = tree_new(err);
	_cleanup_progress_ struct progress progress = { 0 };

	if (!tree || package_fill(p, tree, err) < 0)
		return -1;
	package_check_links(p, tree);
	progress_begin(&progress, 0, 0, "building %s", p->image);
	return write_image(p, store, tree, manifest, err);
}

/* The tag of a package with a Dockerfile is all that LinuxKit gives it; others may be asked for as latest, too. */
int package_build(struct package *p, struct store *store, const struct package_building *how, const char *release,
		  bool force, struct error *err)
{
	_cleanup_descriptor_ struct oci_descriptor manifest = { 0 };
	_cleanup_strv_ char **names = NULL;

	if ((p->dockerfile ? package_build_dockerfile(p, store, how, &manifest, err)
			   : package_build_files(p, store, &manifest, err)) < 0)
		return -1;
	if (strv_addf(&names, "%s:%s", p->image, p->tag) < 0 ||
	    (release && strv_addf(&names, "%s:%s", p->image, release) < 0) ||
	    (!p->dockerfile && strv_addf(&names, "%s:latest", p->image) < 0))
		return error_set(err, ENOMEM, "%s", p->image);
	return package_publish(p, store, &manifest, names, force, err);
}

static int package_find(struct store *store, const char *image, const char *tag, struct oci_descriptor *out,
			struct error *err)
{
	_cleanup_free_ char *text = str_format("%s:%s", image, tag);
	_cleanup_ref_ struct ref ref = { 0 };
	_cleanup_error_ struct error why = { 0 };

	if (!text)
		return error_set(err, ENOMEM, "%s", image);
	if (ref_parse(text, &ref, err) < 0)
		return -1;
	if (store_find(store, &ref, out, &why) == 0)
		return 1;
	return why.code == ENOENT ? 0 : error_move(err, &why);
}

bool package_tag_tells(const struct package *p)
{
	return *p->hash && strstr(p->tag, p->hash) != NULL;
}

int package_cached(const struct package *p, struct store *store, struct error *err)
{
	_cleanup_descriptor_ struct oci_descriptor tagged = { 0 }, newest = { 0 };
	_cleanup_image_ struct image *image = NULL, *latest = NULL;
	_cleanup_free_ char *name = package_name(p), *newest_name = str_format("%s:latest", p->image);
	int r = package_find(store, p->image, p->tag, &tagged, err);

	if (r > 0 && !p->dockerfile)
		r = package_find(store, p->image, "latest", &newest, err);
	if (r <= 0)
		return r;
	if (!name || !newest_name)
		return 0;
	/* An index under that tag may be for other platforms, or have lost its content. */
	image = image_load(store, name, &p->platform, NULL);
	if (!image || image->manifest.layer_count == 0 || !reach_whole(store, &tagged, &p->platform))
		return 0;
	if (p->dockerfile)
		return 1;
	latest = image_load(store, newest_name, &p->platform, NULL);
	return latest && str_eq(image->digest, latest->digest);
}
