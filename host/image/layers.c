/* All layers of an image, one over the other, from the store into a tree. */
#include "layers.h"

#include <errno.h>

#include "layer.h"
#include "str.h"

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

		if (!what)
			return error_set(err, ENOMEM, "image %s", image->name);
		source = store_blob_source(image->store, layer->digest, layer->size, err);
		if (!source || tree_add_layer(merged, source, what, (uint16_t)(i + 1), err) < 0)
			return -1;
	}
	tree_drop_hollow(merged);
	if (tree_merge(t, prefix, merged, filter, data, err) < 0)
		return error_wrap(err, "image %s", image->name);
	return 0;
}
