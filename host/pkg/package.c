#include "package.h"

#include <errno.h>
#include <jansson.h>

#include "closure.h"
#include "dump.h"
#include "fields.h"
#include "image.h"
#include "image_write.h"
#include "inputs.h"
#include "jsonw.h"
#include "model.h"
#include "progress.h"
#include "reach.h"
#include "select.h"
#include "sources.h"
#include "str.h"
#include "tree.h"
#include "walk.h"

#define LABEL_CONFIG "org.mobyproject.config"

/* --- names ------------------------------------------------------------------------------------- */

/* LinuxKit's template has one variable: {{.Hash}}, with blanks inside the braces. */
static char *expand_tag(const char *template, const char *hash, struct error *err)
{
	_cleanup_(buf_free) struct buf out = { 0 };
	const char *p = template, *open;

	while ((open = strstr(p, "{{"))) {
		const char *word = open + 2 + strspn(open + 2, " ");

		if (!str_starts(word, ".Hash") || !str_starts(word + 5 + strspn(word + 5, " "), "}}")) {
			error_set(err, 0, "tag \"%s\": {{.Hash}} is the only thing that can be filled in", template);
			return NULL;
		}
		if (buf_add(&out, p, (size_t)(open - p)) < 0 || buf_addstr(&out, hash) < 0)
			return NULL;
		p = strstr(word, "}}") + 2;
	}
	return buf_addstr(&out, p) < 0 ? NULL : buf_steal_text(&out);
}

static int set_names(struct package *p, const struct package_options *o, struct error *err)
{
	const char *org = o->org ? o->org : o->dev ? getenv("USER") : node_text(p->recipe.root, RECIPE_ORG);
	const char *tag = o->tag ? o->tag : node_text(p->recipe.root, RECIPE_TAG);

	p->image = str_format("%s/%s", org && *org ? org : "pith", node_text(p->recipe.root, RECIPE_IMAGE));
	if (o->hash)
		p->hash = strdup(o->hash);
	else
		p->hash = o->dev ? strdup("dev") : inputs_hash(p, err);
	if (!p->hash)
		return -1;
	p->tag = expand_tag(tag && *tag ? tag : "{{.Hash}}", p->hash, err);
	return p->image && p->tag ? 0 : -1;
}

char *package_name(const struct package *p)
{
	return str_format("%s:%s", p->image, p->tag);
}

bool package_has_arch(const struct package *p)
{
	const struct node *arches = node_field(p->recipe.root, RECIPE_ARCHES);
	size_t i;

	if (!arches)
		return str_eq(p->platform.arch, "amd64") || str_eq(p->platform.arch, "arm64");
	for (i = 0; i < arches->count; i++)
		if (str_eq(arches->items[i]->text, p->platform.arch))
			return true;
	return false;
}

/* --- reading ----------------------------------------------------------------------------------- */

static int resolve_debian(struct package *p, struct error *err)
{
	const struct node *n = node_field(p->recipe.root, RECIPE_DEBIAN);
	bool failed = false;
	_cleanup_strv_ char **names = n ? recipe_strings(n, PKG_DEBIAN_PACKAGES, &failed) : NULL;

	if (failed)
		return error_set(err, ENOMEM, "Debian packages");
	if (!names || !names[0])
		return 0;
	return debian_resolve(&p->debs, names, node_true(n, PKG_DEBIAN_LIBRARIES), p->platform.arch, err);
}

bool package_load(struct package *p, const char *dir, const struct package_options *options,
		  const struct platform *platform, struct error *err)
{
	p->platform = *platform;
	if (!recipe_load(&p->recipe, dir, options->build_yml ? options->build_yml : "build.yml", err))
		return false;
	if (sources_allow(&p->recipe, options->allow_sources, err) < 0 || !sources_check(&p->recipe))
		return false;
	if (!options->hash && !options->dev && resolve_debian(p, err) < 0)
		return false;
	if (set_names(p, options, err) < 0) {
		if (err && !err->msg)
			error_set(err, ENOMEM, "%s", dir);
		return false;
	}
	return true;
}

void package_clear(struct package *p)
{
	recipe_clear(&p->recipe);
	debian_clear(&p->debs);
	free(p->image);
	free(p->hash);
	free(p->tag);
	*p = (struct package)PACKAGE_INIT;
}

/* --- what the image holds ---------------------------------------------------------------------- */

struct placing {
	struct tree *tree;
	const char *path;             /* in the image */
	const struct tree_meta *meta; /* mode 0: as it is */
};

static int place(void *data, const struct walk_entry *e, struct error *err)
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
		return tree_add_file(at->tree, path, &meta, e->host, err) ? 0 : -1;
	}
}

static uint32_t owner(const struct node *n, size_t field)
{
	const struct node *id = node_field(n, field);

	return id ? (uint32_t)node_number(id) : 0;
}

static int add_path(struct tree *t, const struct recipe *r, const struct node *n, const char *path, struct error *err)
{
	const char *mode = node_text(n, PKG_FILE_MODE);
	const char *source = node_text(n, PKG_FILE_SOURCE), *target = node_text(n, PKG_FILE_SYMLINK);
	const struct node *contents = node_field(n, PKG_FILE_CONTENTS);
	struct tree_meta meta = { .mode = mode ? (uint32_t)strtoul(mode, NULL, 8) : 0 };
	struct placing at = { .tree = t, .path = path, .meta = &meta };

	path += strspn(path, "/");
	at.path = path;
	meta.uid = owner(n, PKG_FILE_UID);
	meta.gid = owner(n, PKG_FILE_GID);
	if (source) {
		_cleanup_free_ char *host = source_find(r, source, err);

		return host ? walk_host(host, place, &at, err) : -1;
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
static int add_file(struct tree *t, const struct recipe *r, const struct node *n, struct error *err)
{
	const char *path = node_text(n, PKG_FILE_PATH), *open = strchr(path, '{'),
		   *close = open ? strchr(open, '}') : NULL;
	_cleanup_free_ char *list = close ? strndup(open + 1, (size_t)(close - open - 1)) : NULL;
	_cleanup_strv_ char **names = NULL;
	size_t i;

	if (!close)
		return add_path(t, r, n, path, err);
	names = list ? strv_split(list, ",") : NULL;
	if (!names)
		return error_set(err, ENOMEM, "%s", path);
	for (i = 0; names[i]; i++) {
		_cleanup_free_ char *one = str_format("%.*s%s%s", (int)(open - path), path, names[i], close + 1);

		if (!one)
			return error_set(err, ENOMEM, "%s", path);
		if (add_path(t, r, n, one, err) < 0)
			return -1;
	}
	return 0;
}

static int add_files(struct tree *t, const struct recipe *r, struct error *err)
{
	const struct node *files = node_field(r->root, RECIPE_FILES);
	size_t i;

	for (i = 0; files && i < files->count; i++)
		if (add_file(t, r, files->items[i], err) < 0)
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
	if (p->debs.count == 0 && resolve_debian(p, err) < 0) /* not needed for a tag that was given */
		return -1;
	if (debian_unpack(&p->debs, 0, err) < 0)
		return -1;
	return select_add(t, &p->debs, include, exclude, &(struct tree_meta){ 0 }, err);
}

static int fill(struct package *p, struct tree *t, struct error *err)
{
	const struct node *debian = node_field(p->recipe.root, RECIPE_DEBIAN);

	if (debian && add_debian(p, t, err) < 0)
		return error_wrap(err, "debian");
	if (add_files(t, &p->recipe, err) < 0)
		return -1;
	if (debian && node_true(debian, PKG_DEBIAN_LIBRARIES) &&
	    closure_add(t, &p->debs, &(struct tree_meta){ 0 }, err) < 0)
		return error_wrap(err, "debian: libraries");
	return 0;
}

/* --- what the image says ----------------------------------------------------------------------- */

/* The writer indents; a label is one line. */
static char *config_label(const struct node *config)
{
	_cleanup_(buf_free) struct buf text = { 0 };
	struct jsonw w = { .out = &text };
	json_t *parsed;
	char *line;

	node_json(&w, NULL, config, &label_record);
	if (jsonw_done(&w) < 0)
		return NULL;
	parsed = json_loadb(buf_text(&text), text.len, 0, NULL);
	/* A label has neither: they are the YAML's. */
	if (parsed) {
		json_object_del(parsed, "name");
		json_object_del(parsed, "image");
	}
	line = parsed ? json_dumps(parsed, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;
	json_decref(parsed);
	return line;
}

static json_t *make_labels(const struct recipe *r, struct error *err)
{
	const struct node *labels = node_field(r->root, RECIPE_LABELS), *config = node_field(r->root, RECIPE_CONFIG);
	json_t *out = json_object();
	size_t i;
	int failed = !out;

	for (i = 0; !failed && labels && i < labels->count; i++)
		failed = json_object_set_new(out, labels->items[2 * i]->text,
					     json_string(labels->items[2 * i + 1]->text));
	if (!failed && config) {
		_cleanup_free_ char *text = config_label(config);

		failed = !text || json_object_set_new(out, LABEL_CONFIG, json_string(text));
	}
	if (!failed)
		return out;
	json_decref(out);
	error_set(err, ENOMEM, "labels");
	return NULL;
}

/* With the PATH that docker build gives an image, where the recipe sets none. */
static char **environment(const struct recipe *r, bool *failed)
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
	_cleanup_strv_ char **env = environment(&p->recipe, &failed);
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
	spec.labels = make_labels(&p->recipe, err);
	if (!spec.labels)
		return -1;
	r = image_write(store, t, &spec, out, err);
	json_decref(spec.labels);
	return r;
}

/* The names may be another package's: that of another folder. */
static int publish(struct package *p, struct store *store, const struct oci_descriptor *manifest, char *const *names,
		   bool force, struct error *err)
{
	_cleanup_free_ char *origin = str_format(ORIGIN_PACKAGE "%s", p->recipe.real_dir ? p->recipe.real_dir : "");
	int r;

	if (!origin)
		return error_set(err, ENOMEM, "%s", p->image);
	r = image_publish(store, manifest, 1, names, true, origin, force ? CLAIM_ANY : CLAIM_OWN, NULL, err);
	return r < 0 && err && err->code == EEXIST
		? error_wrap(err, "another image has the name (--force gives it to this one)")
		: r;
}

int package_build(struct package *p, struct store *store, const char *release, bool force, struct error *err)
{
	_cleanup_tree_ struct tree *tree = tree_new(err);
	_cleanup_descriptor_ struct oci_descriptor manifest = { 0 };
	_cleanup_progress_ struct progress progress = { 0 };
	_cleanup_strv_ char **names = NULL;

	if (!tree || fill(p, tree, err) < 0)
		return -1;
	progress_begin(&progress, 0, 0, "building %s", p->image);
	if (write_image(p, store, tree, &manifest, err) < 0)
		return -1;
	progress_end(&progress);
	if (strv_addf(&names, "%s:%s", p->image, p->tag) < 0 ||
	    (release && strv_addf(&names, "%s:%s", p->image, release) < 0) ||
	    strv_addf(&names, "%s:latest", p->image) < 0)
		return error_set(err, ENOMEM, "%s", p->image);
	return publish(p, store, &manifest, names, force, err);
}

/* --- what is there already --------------------------------------------------------------------- */

static int find(struct store *store, const char *image, const char *tag, struct oci_descriptor *out, struct error *err)
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

int package_cached(const struct package *p, struct store *store, struct error *err)
{
	_cleanup_descriptor_ struct oci_descriptor tagged = { 0 }, latest = { 0 };
	_cleanup_image_ struct image *image = NULL;
	_cleanup_free_ char *name = package_name(p);
	int r = find(store, p->image, p->tag, &tagged, err);

	if (r > 0)
		r = find(store, p->image, "latest", &latest, err);
	if (r <= 0)
		return r;
	if (!str_eq(tagged.digest, latest.digest) || !name)
		return 0;
	/* An index under that tag may be for other platforms, or have lost its content. */
	image = image_load(store, name, &p->platform, NULL);
	return image && image->manifest.layer_count > 0 && reach_whole(store, &tagged, &p->platform);
}
