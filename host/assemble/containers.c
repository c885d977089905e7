/* The sections of containers: a bundle for each, with the image's files and the two documents that run it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assemble_private.h"
#include "doubts.h"
#include "input_tar.h"
#include "spec.h"
#include "str.h"
#include "user.h"

static const char config_label[] = "org.mobyproject.config";
enum { NAMES_MAX = 1 << 20 };

static int bundle_add_file(struct assembly *a, const char *bundle, const char *name, const struct buf *content,
			   struct error *err)
{
	_cleanup_free_ char *path = str_format("%s/%s", bundle, name);
	struct tree_meta meta = fixed_meta(0644);

	if (!path)
		return error_set(err, ENOMEM, "%s", name);
	return tree_add_bytes(a->tree, path, &meta, buf_bytes(content), content->len, err) ? 0 : -1;
}

static int bundle_tell(struct assembly *a, const char *bundle, const struct buf *config, struct error *err)
{
	_cleanup_free_ char *old = str_format("%s/config.json", bundle);

	if (!old)
		return error_set(err, ENOMEM, "%s", bundle);
	input_tar_tell(a, old, config);
	return 0;
}

static int bundle_add_dir(struct assembly *a, const char *bundle, const char *name, struct error *err)
{
	_cleanup_free_ char *path = str_format("%s/%s", bundle, name);
	struct tree_meta meta = fixed_meta(0755);

	if (!path)
		return error_set(err, ENOMEM, "%s", name);
	return tree_add_dir(a->tree, path, &meta, err) ? 0 : -1;
}

/* The image's files are in the tree once: containers of the same image share those of the first. Where they cannot be
 * unpacked that is said once, too. */
static int container_add_root(struct assembly *a, struct loaded_image *img, struct spec *spec, struct error *err)
{
	bool shared = img->unpacked != NULL;

	if (shared) {
		if (root_prefix(a->tree, spec->bundle, err) < 0)
			return -1;
	} else {
		img->unpacked = str_format("%s/%s", spec->bundle, spec->readonly ? "rootfs" : "lower");
		if (!img->unpacked)
			return error_set(err, ENOMEM, "%s", spec->bundle);
		if (root_add(a, img->unpacked, img->image, NULL, NULL, err) < 0)
			return -1;
	}
	spec->unpacked = img->unpacked;
	if (!spec->readonly && bundle_add_dir(a, spec->bundle, "tmp", err) < 0)
		return -1;
	if ((!spec->readonly || shared) && bundle_add_dir(a, spec->bundle, "rootfs", err) < 0)
		return -1;
	return 0;
}

/* A file of the container's root, for names of users. A file that is missing, or is no regular file, has none. */
static int container_read_names(const struct assembly *a, const char *root, const char *path, struct buf *out,
				struct error *err)
{
	const struct tree_node *n = tree_resolve(a->tree, root, path);

	if (!n || n->inode->type != TREE_FILE)
		return 0;
	return tree_read(n, NAMES_MAX, out, err);
}

/* The user that the image asks for, where the entry or the label wants it. 1: *out is it. */
static int container_user(const struct assembly *a, const struct spec_input *in, const struct spec *spec,
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
	if (container_read_names(a, spec->unpacked, "etc/passwd", &passwd, err) < 0 ||
	    container_read_names(a, spec->unpacked, "etc/group", &group, err) < 0)
		return -1;
	if (user_resolve(user, (struct user_file){ buf_text(&passwd), passwd.len },
			 (struct user_file){ buf_text(&group), group.len }, out, err) < 0)
		return error_wrap(err, "the image asks for the user \"%s\"", user);
	return 1;
}

static int container_add(struct assembly *a, enum section section, size_t i, struct error *err)
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
	a->wants_modules |= container_wants_modules(&in, img->image);
	spec.readonly = spec_readonly(&in);
	bundle = section == SECTION_SERVICES ? str_format("containers/services/%s", name)
					     : str_format("containers/%s/%03zu-%s", section_names[section], i, name);
	if (!bundle)
		return error_set(err, ENOMEM, "%s", name);
	spec.bundle = bundle;
	if (origin_begin(a, img->name, section_names[section], i, err) < 0 ||
	    container_add_root(a, img, &spec, err) < 0)
		return -1;
	r = container_user(a, &in, &spec, &user, err);
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
	if (bundle_add_file(a, bundle, "config.json", &config, err) < 0 || bundle_tell(a, bundle, &config, err) < 0)
		return -1;
	return bundle_add_file(a, bundle, "runtime.json", &runtime, err);
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
			if (container_add(a, (enum section)s, i, &err) < 0)
				image_report(a, node_field(e->node, CONTAINER_IMAGE), &where[1], &err);
		}
	}
}
