/* All layers of an image, one over the other, from the store into a tree. */
#include "layers.h"

#include <errno.h>

#include "layer.h"
#include "plain.h"
#include "str.h"

/* Why a layer cannot be read. Whatever its bytes looked like to their reader: where they are not those of the digest,
 * that is it, and what helps is to store them again. */
static int layer_fail(struct store *s, const struct oci_descriptor *layer, const char *what, struct error *why,
		      struct error *err)
{
	if (why->code == ENOMEM || why->code == EBADMSG || store_good_blob(s, layer->digest, layer->size))
		return error_move(err, why);
	return why->code == ENOENT
		? error_say(err, EBADMSG, "%s", error_text(why))
		: error_say(err, EBADMSG, "%s: blob %s: the content does not have this digest (it is damaged)", what,
			    layer->digest);
}

/* The digest of a layer's archive, as the configuration has it. */
static const char *layer_plain(const struct image *image, size_t i)
{
	char *const *ids = image->config.diff_ids;

	return ids && strv_len(ids) == image->manifest.layer_count ? ids[i] : NULL;
}

int image_unpack(struct tree *t, const char *prefix, const struct image *image, tree_filter_fn *filter, void *data,
		 struct error *err)
{
	_cleanup_tree_ struct tree *merged = tree_new(err);

	if (!merged)
		return -1;
	if (image->manifest.layer_count > LAYER_STAMP_MAX)
		return error_say(err, E2BIG, "image %s: %zu layers", image->name, image->manifest.layer_count);
	for (size_t i = 0; i < image->manifest.layer_count; i++) {
		const struct oci_descriptor *layer = &image->manifest.layers[i];
		_cleanup_free_ char *what = str_format("image %s, layer %zu", image->name, i + 1);
		_cleanup_source_ struct source *source = NULL;
		_cleanup_error_ struct error why = { 0 };

		if (!what)
			return error_set(err, ENOMEM, "image %s", image->name);
		source = store_layer_source(image->store, layer->digest, layer->size, layer_plain(image, i), err);
		if (!source)
			return -1;
		if (tree_add_layer(merged, source, what, (uint16_t)(i + 1), &why) < 0)
			return layer_fail(image->store, layer, what, &why, err);
	}
	tree_drop_hollow(merged);
	if (tree_merge(t, prefix, merged, filter, data, err) < 0)
		return error_wrap(err, "image %s", image->name);
	return 0;
}
