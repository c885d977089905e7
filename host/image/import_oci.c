/* The images of an OCI layout: those that its index names and that are complete for at least one platform. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "import_private.h"
#include "reach.h"
#include "str.h"

enum { INNER_MAX = 64 };

struct check {
	struct store *store;
	size_t missing, manifests;
	char *first; /* digest of the first missing blob */
};

static int check_on_blob(void *data, const struct oci_descriptor *blob, struct error *err)
{
	struct check *c = data;

	if (oci_kind(blob->media_type) == OCI_KIND_MANIFEST)
		c->manifests++;
	if (store_has_blob(c->store, blob->digest))
		return 0;
	if (!c->missing++)
		c->first = strdup(blob->digest);
	return c->first ? 0 : error_set(err, ENOMEM, "image");
}

static bool import_whole(struct import *im, const struct oci_descriptor *d)
{
	const json_t *before = json_object_get(im->checked, d->digest);
	struct check one = { .store = im->store };
	bool good;

	if (before)
		return json_is_true(before);
	good = reach_walk(im->store, d, NULL, check_on_blob, &one, NULL) == 0 && !one.missing && one.manifests;
	free(one.first);
	json_object_set_new(im->checked, d->digest, json_boolean(good));
	return good;
}

/* Of an index that lacks something: one of its manifests is all there. Inner indexes are looked into only as a whole.
 */
static int import_check_index(struct import *im, const struct oci_descriptor *root, const char *missing,
			      struct error *err)
{
	_cleanup_index_ struct oci_index index = { 0 };
	_cleanup_buf_ struct buf text = { 0 };

	if (store_read_blob(im->store, root->digest, root->size, OCI_JSON_MAX, &text, err) < 0 ||
	    oci_index_parse(buf_bytes(&text), text.len, &index, err) < 0)
		return -1;
	for (size_t i = 0; i < index.count; i++)
		if (oci_kind(index.manifests[i].media_type) == OCI_KIND_MANIFEST &&
		    import_whole(im, &index.manifests[i]))
			return 0;
	for (size_t i = 0; i < index.count && i < INNER_MAX; i++)
		if (oci_kind(index.manifests[i].media_type) == OCI_KIND_INDEX && import_whole(im, &index.manifests[i]))
			return 0;
	return error_say(err, EBADMSG, "blob %s is missing in it", missing);
}

/* A plain manifest must be complete, of an index one of its manifests. */
static int import_check(struct import *im, const struct oci_descriptor *root, struct error *err)
{
	struct check all = { .store = im->store };
	int r = json_is_true(json_object_get(im->checked, root->digest))
		? 0
		: reach_walk(im->store, root, NULL, check_on_blob, &all, err);
	_cleanup_free_ char *first = all.first;

	if (r == 0 && all.missing)
		r = oci_kind(root->media_type) == OCI_KIND_INDEX && store_has_blob(im->store, root->digest)
			? import_check_index(im, root, first, err)
			: error_say(err, EBADMSG, "blob %s is missing in it", first);
	if (r == 0 && json_object_set_new(im->checked, root->digest, json_true()) < 0)
		return error_set(err, ENOMEM, "image");
	return r;
}

/* The annotation of the specification holds a full name, a tag, or any other text: only a full name is taken. */
static const char *descriptor_own_name(const struct oci_descriptor *d)
{
	const char *name = oci_descriptor_annotation(d, ANNOTATION_IMAGE_NAME);

	if (name)
		return name;
	name = oci_descriptor_annotation(d, ANNOTATION_REF_NAME);
	return name && (strchr(name, '/') || strchr(name, ':')) ? name : NULL;
}

int import_finish_oci(struct import *im, struct error *err)
{
	_cleanup_index_ struct oci_index index = { 0 };
	bool unnamed = false;

	if (oci_index_parse(buf_bytes(&im->index), im->index.len, &index, err) < 0)
		return error_wrap(err, "index.json");
	if (im->name && index.count != 1)
		return error_say(err, EINVAL, "there are %zu images in it: a name can be given to one only",
				 index.count);
	for (size_t i = 0; i < index.count; i++) {
		const struct oci_descriptor *d = &index.manifests[i];
		const char *name = im->name ? im->name : descriptor_own_name(d);

		if (oci_kind(d->media_type) == OCI_KIND_OTHER)
			continue;
		if (!name) {
			unnamed = true;
			continue;
		}
		if (import_check(im, d, err) < 0 || import_list(im, name, d, err) < 0)
			return error_wrap(err, "image %s", name);
	}
	if (!im->out->count)
		return error_say(err, EINVAL,
				 unnamed ? "it does not say what its image is called: give it with --name NAME"
					 : "there is no image in it");
	return 0;
}
