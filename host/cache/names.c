/* index.json: the names of the cache. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io.h"
#include "store_private.h"
#include "str.h"

/* Some 200,000 names. What would be larger is not written, so that it can always be read. */
#define INDEX_MAX ((size_t)64 << 20)

static int read_index(struct store *s, struct oci_index *out, struct error *err)
{
	_cleanup_buf_ struct buf text = { 0 };
	_cleanup_error_ struct error why = { 0 };
	_cleanup_free_ char *path = str_format("%s/index.json", s->dir);

	if (!path)
		return error_set(err, ENOMEM, "%s", s->dir);
	if (file_read(path, INDEX_MAX, &text, err) < 0)
		return -1;
	if (oci_names_parse(buf_bytes(&text), text.len, out, &why) == 0)
		return 0;
	return error_say(err, why.code, "%s: %s: `pith cache clean` makes an empty cache of it", path,
			 error_text(&why));
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
	if (strlen(text) > INDEX_MAX)
		return error_say(err, EFBIG, "%s: its names would be more than %zu MiB: `pith cache rm` makes room",
				 path, INDEX_MAX >> 20);
	return file_write(path, text, strlen(text), 0644, err);
}

/* Layouts of other tools have the full name in containerd's annotation, and only the tag in the other. */
static const char *entry_name(const struct oci_descriptor *d)
{
	const char *full = oci_descriptor_annotation(d, ANNOTATION_IMAGE_NAME);

	return full ? full : oci_descriptor_annotation(d, ANNOTATION_REF_NAME);
}

static bool entry_has_name(const struct oci_descriptor *d, const char *name)
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
			if (entry_has_name(&index.manifests[i], name))
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
		if (entry_has_name(&index->manifests[i], name))
			remove_entry(index, i);
	return before - index->count;
}

static int add_entry(struct oci_index *index, const struct store_change *c, const char *origin, struct error *err)
{
	struct oci_descriptor *d = &index->manifests[index->count];

	if (oci_descriptor_copy(d, c->desc) < 0)
		return error_set(err, ENOMEM, "image cache");
	index->count++;
	if (!d->annotations)
		d->annotations = json_object();
	json_object_del(d->annotations, ANNOTATION_IMAGE_NAME); /* the name it had elsewhere */
	if (json_object_set_new(d->annotations, ANNOTATION_REF_NAME, json_string(c->name)) < 0 ||
	    (origin && json_object_set_new(d->annotations, ANNOTATION_ORIGIN, json_string(origin)) < 0))
		return error_set(err, ENOMEM, "image cache");
	return 0;
}

/* --- who may have a name --- */

static bool origin_yields(const char *there, const char *origin, enum store_claim claim)
{
	const size_t n = strlen(ORIGIN_PACKAGE);

	if (claim != CLAIM_OWN)
		return claim == CLAIM_ANY;
	if (!there || str_eq(there, origin))
		return true;
	return str_starts(there, ORIGIN_PACKAGE) && access(there + n, F_OK) < 0 && errno == ENOENT;
}

static const char *origin_text(const char *origin)
{
	return !origin                            ? "of unknown origin"
		: str_eq(origin, ORIGIN_IMPORT)   ? "from an archive"
		: str_eq(origin, ORIGIN_REGISTRY) ? "from a registry"
		: str_eq(origin, ORIGIN_DOCKER)   ? "from Docker"
						  : "of the package ";
}

/* An entry that has the name of a change: 1 when it stays as it is, 0 when it is to be replaced. */
static int change_meet(const struct oci_descriptor *there, struct store_change *c, const char *origin,
		       enum store_claim claim, struct error *err)
{
	const char *from = oci_descriptor_annotation(there, ANNOTATION_ORIGIN);

	if (str_eq(there->digest, c->desc->digest))
		return 1;
	if (!origin_yields(from, origin, claim))
		return error_say(err, EEXIST, "%s is in the cache already: %s, %s%s; this one is %s", c->name,
				 there->digest, origin_text(from),
				 from && str_starts(from, ORIGIN_PACKAGE) ? from + strlen(ORIGIN_PACKAGE) : "",
				 c->desc->digest);
	free(c->was);
	c->was = strdup(there->digest);
	return c->was ? 0 : error_set(err, ENOMEM, "image cache");
}

/* The number of the last change of each name, by name: of two the later one counts. */
static json_t *changes_by_name(const struct store_change *changes, size_t count)
{
	json_t *by_name = json_object();

	for (size_t i = 0; by_name && i < count; i++)
		if (json_object_set_new(by_name, changes[i].name, json_integer((json_int_t)i)) < 0) {
			json_decref(by_name);
			return NULL;
		}
	return by_name;
}

/* Takes the entries that the changes replace out of the index, and the changes that are there already out of by_name.
 */
static int replace_entries(struct oci_index *index, json_t *by_name, struct store_change *changes, const char *origin,
			   enum store_claim claim, struct error *err)
{
	size_t kept = 0;
	int r = 0;

	for (size_t i = 0; i < index->count; i++) {
		const char *name = entry_name(&index->manifests[i]);
		const json_t *number = name ? json_object_get(by_name, name) : NULL;

		r = number && r >= 0
			? change_meet(&index->manifests[i], &changes[json_integer_value(number)], origin, claim, err)
			: r < 0 ? r
				: 1;
		if (r == 0) {
			oci_descriptor_clear(&index->manifests[i]);
			continue;
		}
		if (number && r > 0)
			json_object_del(by_name, name);
		index->manifests[kept++] = index->manifests[i];
	}
	index->count = kept;
	return r < 0 ? -1 : 0;
}

static int change_index(struct oci_index *index, struct store_change *changes, size_t count, const char *origin,
			enum store_claim claim, struct error *err)
{
	struct oci_descriptor *grown = reallocarray(index->manifests, index->count + count + 1, sizeof(*grown));
	json_t *by_name = changes_by_name(changes, count);
	int r = -1;

	if (grown)
		index->manifests = grown;
	if (!grown || !by_name)
		error_set(err, ENOMEM, "image cache");
	else
		r = replace_entries(index, by_name, changes, origin, claim, err);
	for (size_t i = 0; r == 0 && i < count; i++) {
		const json_t *number = json_object_get(by_name, changes[i].name);

		if (number && json_integer_value(number) == (json_int_t)i)
			r = add_entry(index, &changes[i], origin, err);
	}
	json_decref(by_name);
	return r;
}

int store_set_names(struct store *s, struct store_change *changes, size_t count, const char *origin,
		    enum store_claim claim, struct error *err)
{
	_cleanup_index_ struct oci_index index = { 0 };
	_cleanup_close_ int lock = store_lock(s, err);

	if (lock < 0 || read_index(s, &index, err) < 0 || change_index(&index, changes, count, origin, claim, err) < 0)
		return -1;
	return write_index(s, &index, err);
}

int store_set_name(struct store *s, const char *name, const struct oci_descriptor *desc, struct error *err)
{
	struct store_change change = { .name = name, .desc = desc };
	int r = store_set_names(s, &change, 1, NULL, CLAIM_ANY, err);

	free(change.was);
	return r;
}

int store_remove_names(struct store *s, char *const *names, size_t count, struct error *err)
{
	_cleanup_index_ struct oci_index index = { 0 };
	_cleanup_close_ int lock = store_lock(s, err);
	json_t *gone = json_object();
	size_t kept = 0;
	int r = gone && lock >= 0 ? read_index(s, &index, err) : -1;

	for (size_t i = 0; r == 0 && i < count; i++)
		if (json_object_set(gone, names[i], json_null()) < 0)
			r = error_set(err, ENOMEM, "image cache");
	for (size_t i = 0; r == 0 && i < index.count; i++) {
		const char *name = entry_name(&index.manifests[i]);

		if (json_object_get(gone, name ? name : index.manifests[i].digest))
			oci_descriptor_clear(&index.manifests[i]);
		else
			index.manifests[kept++] = index.manifests[i];
	}
	if (r == 0) {
		index.count = kept;
		r = write_index(s, &index, err);
	}
	json_decref(gone);
	return r;
}

int store_remove_all(struct store *s, struct error *err)
{
	const struct oci_index none = { 0 };
	_cleanup_close_ int lock = store_lock(s, err);

	return lock < 0 ? -1 : write_index(s, &none, err);
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
