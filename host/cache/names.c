/* index.json: the names of the cache. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "io.h"
#include "store_private.h"
#include "str.h"

static int read_index(struct store *s, struct oci_index *out, struct error *err)
{
	_cleanup_buf_ struct buf text = { 0 };
	_cleanup_free_ char *path = str_format("%s/index.json", s->dir);

	if (!path)
		return error_set(err, ENOMEM, "%s", s->dir);
	if (file_read(path, OCI_JSON_MAX, &text, err) < 0)
		return -1;
	if (oci_index_parse(buf_bytes(&text), text.len, out, err) < 0)
		return error_wrap(err, "%s", path);
	return 0;
}

static int write_index(struct store *s, const struct oci_index *index, struct error *err)
{
	_cleanup_free_ char *path = str_format("%s/index.json", s->dir);
	_cleanup_free_ char *text = NULL;
	json_t *root = json_pack("{s:i, s:s, s:[]}", "schemaVersion", 2, "mediaType", OCI_INDEX, "manifests");
	json_t *list = json_object_get(root, "manifests");
	bool good = root && path;

	for (size_t i = 0; good && i < index->count; i++)
		good = json_array_append_new(list, oci_descriptor_json(&index->manifests[i])) == 0;
	if (good)
		text = json_dumps(root, JSON_COMPACT);
	json_decref(root);
	if (!text)
		return error_set(err, ENOMEM, "%s/index.json", s->dir);
	return file_write(path, text, strlen(text), 0644, err);
}

/* Layouts of other tools have the full name in containerd's annotation, and only the tag in the other. */
static const char *entry_name(const struct oci_descriptor *d)
{
	const char *full = oci_descriptor_annotation(d, ANNOTATION_IMAGE_NAME);

	return full ? full : oci_descriptor_annotation(d, ANNOTATION_REF_NAME);
}

static bool named(const struct oci_descriptor *d, const char *name)
{
	const char *have = entry_name(d);

	return have && str_eq(have, name);
}

/* A digest may be that of a manifest inside an index that the cache names, or of a blob that no name leads to. */
static int find_digest(struct store *s, const char *digest, const struct oci_index *index, struct oci_descriptor *out,
		       struct error *err)
{
	_cleanup_buf_ struct buf text = { 0 };
	_cleanup_index_ struct oci_index inner = { 0 };

	for (size_t i = 0; i < index->count; i++)
		if (str_eq(index->manifests[i].digest, digest))
			return oci_descriptor_copy(out, &index->manifests[i]) < 0 ? error_set(err, ENOMEM, "image") : 0;
	if (store_read_blob(s, digest, UINT64_MAX, OCI_JSON_MAX, &text, err) < 0)
		return -1;
	*out = (struct oci_descriptor){ .digest = strdup(digest), .size = text.len };
	/* the document says what it is; one without a media type is told by its fields */
	if (oci_index_parse(buf_bytes(&text), text.len, &inner, NULL) == 0) {
		out->media_type = strdup(inner.media_type ? inner.media_type : OCI_INDEX);
	} else {
		_cleanup_manifest_ struct oci_manifest manifest = { 0 };

		if (oci_manifest_parse(buf_bytes(&text), text.len, &manifest, err) < 0) {
			oci_descriptor_clear(out);
			return error_wrap(err, "%s", digest);
		}
		out->media_type = strdup(manifest.media_type ? manifest.media_type : OCI_MANIFEST);
	}
	if (!out->digest || !out->media_type) {
		oci_descriptor_clear(out);
		return error_set(err, ENOMEM, "image");
	}
	return 0;
}

int store_find(struct store *s, const struct ref *ref, struct oci_descriptor *out, struct error *err)
{
	_cleanup_index_ struct oci_index index = { 0 };
	_cleanup_free_ char *name = ref_cache_name(ref);

	*out = (struct oci_descriptor){ 0 };
	if (!name)
		return error_set(err, ENOMEM, "image name");
	if (read_index(s, &index, err) < 0)
		return -1;
	if (ref->digest) {
		struct error why = { 0 };

		if (find_digest(s, ref->digest, &index, out, &why) == 0)
			return 0;
		if (why.code != ENOENT)
			return error_move(err, &why);
		error_clear(&why);
	} else {
		for (size_t i = 0; i < index.count; i++)
			if (named(&index.manifests[i], name))
				return oci_descriptor_copy(out, &index.manifests[i]) < 0
					? error_set(err, ENOMEM, "image")
					: 0;
	}
	return error_say(err, ENOENT, "%s is not in the image cache (%s)", name, s->dir);
}

static void remove_entry(struct oci_index *index, size_t i)
{
	oci_descriptor_clear(&index->manifests[i]);
	memmove(&index->manifests[i], &index->manifests[i + 1], (index->count - i - 1) * sizeof(index->manifests[0]));
	index->count--;
}

static size_t remove_named(struct oci_index *index, const char *name)
{
	size_t before = index->count;

	for (size_t i = index->count; i-- > 0;)
		if (named(&index->manifests[i], name))
			remove_entry(index, i);
	return before - index->count;
}

static int add_entry(struct oci_index *index, const char *name, const struct oci_descriptor *desc, struct error *err)
{
	struct oci_descriptor *grown = realloc(index->manifests, (index->count + 1) * sizeof(*grown));
	struct oci_descriptor *d;

	if (!grown)
		return error_set(err, ENOMEM, "image cache");
	index->manifests = grown;
	d = &grown[index->count];
	if (oci_descriptor_copy(d, desc) < 0)
		return error_set(err, ENOMEM, "image cache");
	index->count++;
	if (!d->annotations)
		d->annotations = json_object();
	json_object_del(d->annotations, ANNOTATION_IMAGE_NAME); /* the name it had elsewhere */
	if (json_object_set_new(d->annotations, ANNOTATION_REF_NAME, json_string(name)) < 0)
		return error_set(err, ENOMEM, "image cache");
	return 0;
}

int store_set_name(struct store *s, const char *name, const struct oci_descriptor *desc, struct error *err)
{
	_cleanup_index_ struct oci_index index = { 0 };
	_cleanup_close_ int lock = store_lock(s, err);

	if (lock < 0 || read_index(s, &index, err) < 0)
		return -1;
	remove_named(&index, name);
	if (add_entry(&index, name, desc, err) < 0)
		return -1;
	return write_index(s, &index, err);
}

int store_remove_name(struct store *s, const char *name, struct error *err)
{
	_cleanup_index_ struct oci_index index = { 0 };
	_cleanup_close_ int lock = store_lock(s, err);

	if (lock < 0 || read_index(s, &index, err) < 0)
		return -1;
	if (remove_named(&index, name) == 0) {
		return error_say(err, ENOENT, "%s is not in the image cache (%s)", name, s->dir);
	}
	return write_index(s, &index, err);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct store_entry *)a)->name, ((const struct store_entry *)b)->name);
}

int store_list(struct store *s, struct store_entry **out, size_t *count, struct error *err)
{
	_cleanup_index_ struct oci_index index = { 0 };
	struct store_entry *list;
	size_t n = 0;

	if (read_index(s, &index, err) < 0)
		return -1;
	list = calloc(index.count ? index.count : 1, sizeof(*list));
	if (!list)
		return error_set(err, ENOMEM, "image cache");
	for (size_t i = 0; i < index.count; i++) {
		const char *name = entry_name(&index.manifests[i]);

		list[n].name = strdup(name ? name : index.manifests[i].digest);
		if (!list[n].name || oci_descriptor_copy(&list[n].desc, &index.manifests[i]) < 0) {
			store_list_free(list, n + 1);
			return error_set(err, ENOMEM, "image cache");
		}
		n++;
	}
	qsort(list, n, sizeof(*list), by_name);
	*out = list;
	*count = n;
	return 0;
}

void store_list_free(struct store_entry *entries, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(entries[i].name);
		oci_descriptor_clear(&entries[i].desc);
	}
	free(entries);
}
