/* The volumes section: containers/volumes/NAME with lower, tmp and merged, for onboot to mount. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assemble_private.h"
#include "input_tar.h"
#include "layout.h"
#include "str.h"

static int volume_add_layout(struct assembly *a, const struct entry *e, const char *lower, struct error *err)
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

/* LinuxKit's words: the files are the image's, the empty directories nobody's. */
static int volume_origin(struct assembly *a, const char *source, size_t i, struct error *err)
{
	return origin_begin(a, source, "volume", i, err);
}

static int volume_add(struct assembly *a, size_t i, struct error *err)
{
	const struct entry *e = &a->config->volumes.list[i];
	const char *name = node_text(e->node, VOLUME_NAME), *image = node_text(e->node, VOLUME_IMAGE);
	_cleanup_free_ char *lower = str_format("containers/volumes/%s/lower", name);
	_cleanup_free_ char *tmp = str_format("containers/volumes/%s/tmp", name);
	_cleanup_free_ char *merged = str_format("containers/volumes/%s/merged", name);
	_cleanup_free_ char *ref = image && *image ? ref_expand(image, err) : strdup("empty");
	struct tree_meta meta = fixed_meta(0755);
	int r;

	if (!lower || !tmp || !merged || !ref)
		return error_set(err, ENOMEM, "volume");
	if (volume_origin(a, ref, i, err) < 0)
		return -1;
	if (volume_is_layout(e->node))
		r = volume_add_layout(a, e, lower, err);
	else if (image && *image)
		r = root_add(a, lower, assembly_find(a, image)->image, ROOT_RESOLV_LINK, NULL, err);
	else
		r = root_prefix(a->tree, lower, err);
	if (r == 0)
		input_tar_tell(a, NULL, NULL);
	if (r < 0 || volume_origin(a, "linuxkit.volumes", i, err) < 0)
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
		if (volume_add(a, i, &err) < 0)
			image_report(a, image ? image : e->node, &where[1], &err);
	}
}
