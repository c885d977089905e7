/* Names of imported images. */
#include <errno.h>
#include <stdlib.h>

#include "import_private.h"
#include "ref.h"
#include "str.h"

/* The cache name for what an archive calls an image; NULL when that is no name, or the digest in it another image's:
 * whoever asks for a digest relies on it. */
static char *name_in_cache(const char *text, const char *digest, struct error *err)
{
	_cleanup_ref_ struct ref ref = { 0 };
	char *name;

	if (ref_parse(text, &ref, err) < 0)
		return NULL;
	if (ref.digest && !str_eq(ref.digest, digest)) {
		error_set(err, 0, "its digest is %s, not that of the name", digest);
		return NULL;
	}
	name = ref_cache_name(&ref);
	if (!name)
		error_set(err, ENOMEM, "image name");
	return name;
}

int import_list(struct import *im, const char *text, const struct oci_descriptor *d, struct error *err)
{
	struct imported *out = im->out;
	void *grown = reallocarray(out->images, out->count + 1, sizeof(*out->images));
	_cleanup_free_ char *name = name_in_cache(text, d->digest, err);
	const json_t *before = name ? json_object_get(im->listed, name) : NULL;
	struct oci_descriptor *slot;

	if (grown)
		out->images = grown;
	if (!name)
		return -1;
	if (!grown || (!before && json_object_set_new(im->listed, name, json_integer((json_int_t)out->count)) < 0))
		return error_set(err, ENOMEM, "image name");
	if (before) { /* of two with one name the later one counts */
		slot = &out->images[json_integer_value(before)].desc;
		oci_descriptor_clear(slot);
	} else {
		slot = &out->images[out->count].desc;
		out->images[out->count].was = NULL;
		out->images[out->count++].name = steal_ptr(&name);
	}
	return oci_descriptor_copy(slot, d) < 0 ? error_set(err, ENOMEM, "image name") : 0;
}

int import_set_names(struct import *im, struct error *err)
{
	struct imported *out = im->out;
	_cleanup_free_ struct store_change *changes = calloc(out->count + 1, sizeof(*changes));
	enum store_claim claim = im->name || im->replace ? CLAIM_ANY : CLAIM_NEW;
	int r;

	if (!changes)
		return error_set(err, ENOMEM, "image name");
	for (size_t i = 0; i < out->count; i++)
		changes[i] = (struct store_change){ .name = out->images[i].name, .desc = &out->images[i].desc };
	r = store_set_names(im->store, changes, out->count, ORIGIN_IMPORT, claim, err);
	for (size_t i = 0; i < out->count; i++)
		out->images[i].was = changes[i].was;
	return r;
}

void imported_clear(struct imported *im)
{
	for (size_t i = 0; i < im->count; i++) {
		free(im->images[i].name);
		free(im->images[i].was);
		oci_descriptor_clear(&im->images[i].desc);
	}
	free(im->images);
	*im = (struct imported){ 0 };
}
