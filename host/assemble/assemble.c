#include "assemble.h"

#include <errno.h>
#include <string.h>

#include "assemble_private.h"
#include "buf.h"
#include "doubts.h"
#include "layout.h"
#include "log.h"
#include "pull.h"
#include "spec.h"
#include "str.h"
#include "user.h"

static const char resolv_link[] = "/run/resolvconf/resolv.conf";
static const char apk_database[] = "lib/apk/db/installed";
static const char config_label[] = "org.mobyproject.config";
enum { APK_MAX = 16 << 20, NAMES_MAX = 1 << 20 };

void assembly_clear(struct assembly *a)
{
	size_t i;

	tree_free(a->tree);
	for (i = 0; i < a->image_count; i++) {
		free(a->images[i].name);
		free(a->images[i].unpacked);
		image_free(a->images[i].image);
	}
	free(a->images);
	free(a->scripts);
	a->scripts = NULL;
	a->script_count = 0;
	a->tree = NULL;
	a->images = NULL;
	a->image_count = 0;
}

/* --- images ---------------------------------------------------------------------------------------------------- */

struct loaded_image *assembly_find(const struct assembly *a, const char *text)
{
	_cleanup_free_ char *name = ref_expand(text, NULL);
	size_t i;

	for (i = 0; name && i < a->image_count; i++)
		if (str_eq(a->images[i].name, name))
			return &a->images[i];
	return NULL;
}

static struct image *fetch(struct assembly *a, const char *text, struct error *err)
{
	const struct assembly_options *o = a->options;
	_cleanup_error_ struct error ignored = { 0 };
	struct image *img;

	if (!o->pull) {
		/* no Docker, or no such image there: the cache may have it */
		if (o->docker)
			image_pull_docker(o->store, text, &ignored);
		img = image_load(o->store, text, &o->platform, err);
		if (img || !err->code || err->code != ENOENT)
			return img;
		error_clear(err);
	}
	if (image_pull(o->store, text, &o->platform, err) < 0)
		return NULL;
	return image_load(o->store, text, &o->platform, err);
}

/* What puts a damaged blob right: whatever stores it again. */
static void hint_damaged(struct assembly *a, const struct node *name)
{
	if (name->package)
		diag_hint(&a->config->diags, "make it again with `pith pkg build --force %s`", name->package);
	else
		diag_hint(
			&a->config->diags,
			"store it again: `pith cache pull %s`, `pith cache import ARCHIVE` or `pith pkg build --force`",
			name->text);
}

void report_image(struct assembly *a, const struct node *name, const struct where *where, const struct error *err)
{
	diag_error(&a->config->diags, name->at, where, "%s", error_text(err));
	if (name->text && (err->code == EBADMSG || err->code == EPIPE))
		hint_damaged(a, name);
}

static void need_image(struct assembly *a, const struct node *name, const struct where *where)
{
	_cleanup_error_ struct error err = { 0 };
	struct loaded_image *bigger;
	struct image *img;
	char *expanded;

	if (assembly_find(a, name->text))
		return;
	img = fetch(a, name->text, &err);
	if (!img) {
		diag_error(&a->config->diags, name->at, where, "image %s: %s", name->text, error_text(&err));
		if (err.code == EBADMSG)
			hint_damaged(a, name);
		else if (name->package)
			diag_hint(&a->config->diags, "make it with `pith pkg build %s`", name->package);
		else
			diag_hint(&a->config->diags,
				  "`pith cache ls` lists what is here, `pith cache import` takes archives");
		return;
	}
	expanded = ref_expand(name->text, &err);
	bigger = expanded ? reallocarray(a->images, a->image_count + 1, sizeof *bigger) : NULL;
	if (!bigger) {
		diag_error(&a->config->diags, name->at, where, "no memory");
		free(expanded);
		image_free(img);
		return;
	}
	a->images = bigger;
	bigger[a->image_count++] = (struct loaded_image){ .name = expanded, .image = img };
}

static bool is_layout(const struct node *volume)
{
	const char *format = node_text(volume, VOLUME_FORMAT), *image = node_text(volume, VOLUME_IMAGE);

	return image && *image && format && str_eq(format, "oci");
}

/* A volume of format oci wants the index, for platforms of its own. */
static void need_index(struct assembly *a, const struct node *name, const struct where *where)
{
	_cleanup_descriptor_ struct oci_descriptor desc = { 0 };
	_cleanup_error_ struct error err = { 0 };
	_cleanup_ref_ struct ref ref = { 0 };
	int found = -1;

	if (ref_parse(name->text, &ref, &err) == 0) {
		found = a->options->pull ? -1 : store_find(a->options->store, &ref, &desc, &err);
		if (found < 0 && (a->options->pull || err.code == ENOENT)) {
			error_clear(&err);
			found = image_pull(a->options->store, name->text, NULL, &err);
			if (found == 0)
				found = store_find(a->options->store, &ref, &desc, &err);
		}
	}
	if (found < 0)
		diag_error(&a->config->diags, name->at, where, "image %s: %s", name->text, error_text(&err));
	else if (oci_kind(desc.media_type) != OCI_KIND_INDEX)
		diag_error(&a->config->diags, name->at, where,
			   "image %s has no index of platforms, which a volume of format oci is made from", name->text);
}

bool assembly_images(struct assembly *a)
{
	struct config *c = a->config;
	struct where kernel = { .key = "kernel" }, where[2];
	size_t s, i;

	if (c->kernel[KERNEL_IMAGE])
		need_image(a, c->kernel[KERNEL_IMAGE], &kernel);
	for (i = 0; i < c->init.count; i++) {
		where_entry(where, "init", &c->init.list[i]);
		need_image(a, c->init.list[i].node, &where[1]);
	}
	for (i = 0; i < c->volumes.count; i++) {
		const struct node *image = node_field(c->volumes.list[i].node, VOLUME_IMAGE);

		where_entry(where, "volumes", &c->volumes.list[i]);
		if (is_layout(c->volumes.list[i].node))
			need_index(a, image, &where[1]);
		else if (image && image->len)
			need_image(a, image, &where[1]);
	}
	for (s = 0; s < SECTIONS; s++) {
		for (i = 0; i < c->sections[s].count; i++) {
			where_entry(where, section_names[s], &c->sections[s].list[i]);
			need_image(a, node_field(c->sections[s].list[i].node, CONTAINER_IMAGE), &where[1]);
		}
	}
	return c->diags.errors == 0;
}

const char *assembly_kernel_label(const struct assembly *a, const char *key)
{
	const struct node *name = a->config->kernel[KERNEL_IMAGE];
	struct loaded_image *img = name ? assembly_find(a, name->text) : NULL;

	return img ? image_label(img->image, key) : NULL;
}

const char *assembly_init_label(const struct assembly *a, const char *key)
{
	const char *value = NULL;
	size_t i;

	for (i = 0; i < a->config->init.count; i++) {
		struct loaded_image *img = assembly_find(a, a->config->init.list[i].node->text);
		const char *v = img ? image_label(img->image, key) : NULL;

		if (v)
			value = v;
	}
	return value;
}

/* --- init ------------------------------------------------------------------------------------------------------- */

/* Alpine's list of packages: of several images that have one, the root gets all after each other. */
static int add_packages(struct assembly *a, struct buf *all, struct error *err)
{
	const struct tree_node *n = tree_resolve(a->tree, "", apk_database);

	if (!n || n->inode->type != TREE_FILE)
		return 0;
	if (all->len + n->inode->size > APK_MAX)
		return error_set(err, EFBIG, "%s", apk_database);
	if (tree_read(n, APK_MAX, all, err) < 0)
		return -1;
	return buf_addstr(all, "\n\n") < 0 ? error_set(err, ENOMEM, "%s", apk_database) : 0;
}

static int set_packages(struct assembly *a, const struct buf *all, struct error *err)
{
	static const struct tree_meta meta = { .mode = 0644 };
	const struct tree_node *n = tree_resolve(a->tree, "", apk_database); /* its lib may be a link */
	_cleanup_free_ char *path = n ? tree_path(n) : strdup(apk_database);

	if (!path)
		return error_set(err, ENOMEM, "%s", apk_database);
	return tree_add_bytes(a->tree, path, &meta, buf_bytes(all), all->len, err) ? 0 : -1;
}

void init_add(struct assembly *a)
{
	_cleanup_buf_ struct buf all = { 0 };
	size_t i, databases = 0;
	struct where where[2];

	for (i = 0; i < a->config->init.count; i++) {
		const struct entry *e = &a->config->init.list[i];
		_cleanup_error_ struct error err = { 0 };
		bool packages = false;
		int r;

		r = root_add(a->tree, "", assembly_find(a, e->node->text)->image, resolv_link, &packages, &err);
		if (r == 0 && packages)
			r = add_packages(a, &all, &err);
		databases += packages;
		if (r == 0 && databases > 1)
			r = set_packages(a, &all, &err);
		doubts_init(a, e);
		where_entry(where, "init", e);
		if (r < 0)
			report_image(a, e->node, &where[1], &err);
	}
}

/* --- volumes ------------------------------------------------------------------------------------------------------ */

static int add_layout(struct assembly *a, const struct entry *e, const char *lower, struct error *err)
{
	const struct node *list = node_field(e->node, VOLUME_PLATFORMS);
	size_t count = list ? list->count : 0, i;
	_cleanup_free_ struct platform *platforms = calloc(count + 1, sizeof *platforms);
	_cleanup_ref_ struct ref ref = { 0 };

	if (!platforms)
		return error_set(err, ENOMEM, "%s", lower);
	for (i = 0; i < count; i++)
		if (platform_parse(list->items[i]->text, &platforms[i], err) < 0)
			return -1;
	if (ref_parse(node_text(e->node, VOLUME_IMAGE), &ref, err) < 0 || root_prefix(a->tree, lower, err) < 0)
		return -1;
	return layout_unpack(a->tree, lower, a->options->store, &ref, platforms, count, err);
}

static int add_volume(struct assembly *a, const struct entry *e, struct error *err)
{
	const char *name = node_text(e->node, VOLUME_NAME), *image = node_text(e->node, VOLUME_IMAGE);
	_cleanup_free_ char *lower = str_format("containers/volumes/%s/lower", name);
	_cleanup_free_ char *tmp = str_format("containers/volumes/%s/tmp", name);
	_cleanup_free_ char *merged = str_format("containers/volumes/%s/merged", name);
	struct tree_meta meta = fixed_meta(0755);
	int r;

	if (!lower || !tmp || !merged)
		return error_set(err, ENOMEM, "volume");
	if (is_layout(e->node))
		r = add_layout(a, e, lower, err);
	else if (image && *image)
		r = root_add(a->tree, lower, assembly_find(a, image)->image, resolv_link, NULL, err);
	else
		r = root_prefix(a->tree, lower, err);
	if (r < 0)
		return -1;
	return tree_add_dir(a->tree, tmp, &meta, err) && tree_add_dir(a->tree, merged, &meta, err) ? 0 : -1;
}

void volumes_add(struct assembly *a)
{
	struct where where[2];
	size_t i;

	for (i = 0; i < a->config->volumes.count; i++) {
		const struct entry *e = &a->config->volumes.list[i];
		const struct node *image = node_field(e->node, VOLUME_IMAGE);
		_cleanup_error_ struct error err = { 0 };

		where_entry(where, "volumes", e);
		if (add_volume(a, e, &err) < 0)
			report_image(a, image ? image : e->node, &where[1], &err);
	}
}

/* --- containers --------------------------------------------------------------------------------------------------- */

static int add_bundle_file(struct assembly *a, const char *bundle, const char *name, const struct buf *content,
			   struct error *err)
{
	_cleanup_free_ char *path = str_format("%s/%s", bundle, name);
	struct tree_meta meta = fixed_meta(0644);

	if (!path)
		return error_set(err, ENOMEM, "%s", name);
	return tree_add_bytes(a->tree, path, &meta, buf_bytes(content), content->len, err) ? 0 : -1;
}

static int add_bundle_dir(struct assembly *a, const char *bundle, const char *name, struct error *err)
{
	_cleanup_free_ char *path = str_format("%s/%s", bundle, name);
	struct tree_meta meta = fixed_meta(0755);

	if (!path)
		return error_set(err, ENOMEM, "%s", name);
	return tree_add_dir(a->tree, path, &meta, err) ? 0 : -1;
}

/* The image's files are in the tree once: containers of the same image share those of the first. Where they cannot be
 * unpacked that is said once, too. */
static int add_root(struct assembly *a, struct loaded_image *img, struct spec *spec, struct error *err)
{
	bool shared = img->unpacked != NULL;

	if (shared) {
		if (root_prefix(a->tree, spec->bundle, err) < 0)
			return -1;
	} else {
		img->unpacked = str_format("%s/%s", spec->bundle, spec->readonly ? "rootfs" : "lower");
		if (!img->unpacked)
			return error_set(err, ENOMEM, "%s", spec->bundle);
		if (root_add(a->tree, img->unpacked, img->image, NULL, NULL, err) < 0)
			return -1;
	}
	spec->unpacked = img->unpacked;
	if (!spec->readonly && add_bundle_dir(a, spec->bundle, "tmp", err) < 0)
		return -1;
	if ((!spec->readonly || shared) && add_bundle_dir(a, spec->bundle, "rootfs", err) < 0)
		return -1;
	return 0;
}

/* A file of the container's root, for names of users; one that is not there, or is not a file, has none. */
static int read_names(const struct assembly *a, const char *root, const char *path, struct buf *out, struct error *err)
{
	const struct tree_node *n = tree_resolve(a->tree, root, path);

	if (!n || n->inode->type != TREE_FILE)
		return 0;
	return tree_read(n, NAMES_MAX, out, err);
}

/* The user that the image asks for, where the entry or the label wants it. 1: *out is it. */
static int wanted_user(const struct assembly *a, const struct spec_input *in, const struct spec *spec,
		       struct image_user *out, struct error *err)
{
	const struct node *all = node_field(in->entry->node, CONTAINER_ANNOTATIONS), *wanted;
	_cleanup_buf_ struct buf passwd = { 0 }, group = { 0 };
	const char *user = in->image->user ? in->image->user : "";

	if (!all)
		all = node_field(in->label, CONTAINER_ANNOTATIONS);
	wanted = all ? node_get(all, "org.pith.user") : NULL;
	if (!wanted || !str_eq(wanted->text, "image"))
		return 0;
	if (read_names(a, spec->unpacked, "etc/passwd", &passwd, err) < 0 ||
	    read_names(a, spec->unpacked, "etc/group", &group, err) < 0)
		return -1;
	if (user_resolve(user, (struct user_file){ buf_text(&passwd), passwd.len },
			 (struct user_file){ buf_text(&group), group.len }, out, err) < 0)
		return error_wrap(err, "the image asks for the user \"%s\"", user);
	return 1;
}

static int add_container(struct assembly *a, enum section section, size_t i, struct error *err)
{
	const struct entry *e = &a->config->sections[section].list[i];
	const char *name = node_text(e->node, CONTAINER_NAME);
	struct loaded_image *img = assembly_find(a, node_text(e->node, CONTAINER_IMAGE));
	const char *label = image_label(img->image, config_label);
	struct spec_input in = { .config = a->config, .entry = e, .section = section, .image = &img->image->config };
	_cleanup_buf_ struct buf config = { 0 }, runtime = { 0 };
	_cleanup_free_ char *bundle = NULL;
	struct where where[2];
	struct doubts_mounts mounts = { .a = a, .where = &where[1] };
	struct image_user user;
	struct spec spec = { 0 };
	int r;

	where_entry(where, section_names[section], e);
	if (label && *label) {
		in.label = spec_label(a->config, label, img->name, &where[1]);
		if (!in.label)
			return 0; /* reported */
	}
	spec.readonly = spec_readonly(&in);
	bundle = section == SECTION_SERVICES ? str_format("containers/services/%s", name)
					     : str_format("containers/%s/%03zu-%s", section_names[section], i, name);
	if (!bundle)
		return error_set(err, ENOMEM, "%s", name);
	spec.bundle = bundle;
	if (add_root(a, img, &spec, err) < 0)
		return -1;
	r = wanted_user(a, &in, &spec, &user, err);
	if (r < 0)
		return -1;
	in.user = r ? &user : NULL;
	mounts.root = spec.unpacked;
	in.on_mount = spec.readonly ? doubts_mount : NULL;
	in.data = &mounts;
	if (!spec_config(&in, &spec, &config))
		return 0;
	doubts_container(a, &in, &where[1]);
	if (spec_runtime(&in, &spec, &runtime, err) < 0)
		return -1;
	if (add_bundle_file(a, bundle, "config.json", &config, err) < 0)
		return -1;
	return add_bundle_file(a, bundle, "runtime.json", &runtime, err);
}

void containers_add(struct assembly *a)
{
	struct where where[2];
	size_t s, i;

	for (s = 0; s < SECTIONS; s++) {
		for (i = 0; i < a->config->sections[s].count; i++) {
			const struct entry *e = &a->config->sections[s].list[i];
			_cleanup_error_ struct error err = { 0 };

			where_entry(where, section_names[s], e);
			if (add_container(a, (enum section)s, i, &err) < 0)
				report_image(a, node_field(e->node, CONTAINER_IMAGE), &where[1], &err);
		}
	}
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

static int add_dockerfile(struct assembly *a, struct error *err)
{
	static const char text[] = "\nFROM scratch\n\nCOPY . ./\n\nENTRYPOINT [\"/bin/rc.init\"]\n";
	struct tree_meta meta = fixed_meta(0644);

	return tree_add_bytes(a->tree, "Dockerfile", &meta, text, strlen(text), err) ? 0 : -1;
}

bool assembly_tree(struct assembly *a, struct error *err)
{
	a->tree = tree_new(err);
	if (!a->tree)
		return false;
	kernel_add(a);
	init_add(a);
	volumes_add(a);
	containers_add(a);
	files_add(a);
	if (a->config->diags.errors == 0)
		doubts_scripts(a);
	if (a->options->dockerfile && add_dockerfile(a, err) < 0)
		return false;
	return a->config->diags.errors == 0;
}
