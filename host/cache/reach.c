/* What a name reaches: from an index to its manifests, from a manifest to its configuration and layers.
 *
 *   walk_descriptor()   tells of a digest once (walk_visit); a document that is there and is new (is_new) is read
 *     walk_index()      each of its manifests, or those of one platform: walk_descriptor() again, one deeper
 *     walk_manifest()   its configuration and layers
 *
 * store_collect() walks from all names, and removes the blobs that the walk did not tell of. */
#include "reach.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "io.h"
#include "plain.h"
#include "store_private.h"
#include "str.h"

enum { NESTING_MAX = 4 };

/* A document is worked once, however often it is named (once more when it is met less deep), and by what it is said to
 * be: a layer that has a manifest's digest does not stand for it. */
struct walk {
	struct store *store;
	const struct platform *platform;
	reach_fn *fn;
	void *data;
	json_t *seen, *worked; /* digests; kind and digest: the depth */
};

static int walk_descriptor(struct walk *w, const struct oci_descriptor *d, int depth, struct error *err);

static int walk_visit(struct walk *w, const struct oci_descriptor *d, struct error *err)
{
	if (json_object_get(w->seen, d->digest))
		return 0;
	if (json_object_set_new(w->seen, d->digest, json_null()) < 0)
		return error_set(err, ENOMEM, "image cache");
	return w->fn(w->data, d, err);
}

/* 1: it is to be looked into. */
static int is_new(struct walk *w, const struct oci_descriptor *d, enum oci_kind kind, int depth, struct error *err)
{
	_cleanup_free_ char *key = str_format("%d %s", (int)kind, d->digest);
	const json_t *before = key ? json_object_get(w->worked, key) : NULL;

	if (kind == OCI_KIND_OTHER || depth == NESTING_MAX || (before && json_integer_value(before) <= depth))
		return 0;
	if (!key || json_object_set_new(w->worked, key, json_integer(depth)) < 0)
		return error_set(err, ENOMEM, "image cache");
	return store_has_blob(w->store, d->digest);
}

static int walk_index(struct walk *w, const struct buf *text, int depth, struct error *err)
{
	_cleanup_index_ struct oci_index index = { 0 };

	if (oci_index_parse(buf_bytes(text), text->len, &index, err) < 0)
		return -1;
	for (size_t i = 0; i < index.count; i++) {
		const struct oci_descriptor *d = &index.manifests[i];

		if (w->platform && oci_kind(d->media_type) != OCI_KIND_INDEX &&
		    !platform_match(w->platform, &d->platform))
			continue;
		if (walk_descriptor(w, d, depth + 1, err) < 0)
			return -1;
	}
	return 0;
}

static int walk_manifest(struct walk *w, const struct buf *text, struct error *err)
{
	_cleanup_manifest_ struct oci_manifest m = { 0 };

	if (oci_manifest_parse(buf_bytes(text), text->len, &m, err) < 0 || walk_visit(w, &m.config, err) < 0)
		return -1;
	for (size_t i = 0; i < m.layer_count; i++)
		if (walk_visit(w, &m.layers[i], err) < 0)
			return -1;
	return 0;
}

static int walk_descriptor(struct walk *w, const struct oci_descriptor *d, int depth, struct error *err)
{
	_cleanup_buf_ struct buf text = { 0 };
	enum oci_kind kind = oci_kind(d->media_type);
	int r = walk_visit(w, d, err);

	if (r == 0)
		r = is_new(w, d, kind, depth, err);
	if (r <= 0)
		return r;
	if (store_read_blob(w->store, d->digest, d->size, OCI_JSON_MAX, &text, err) < 0)
		return -1;
	return kind == OCI_KIND_INDEX ? walk_index(w, &text, depth, err) : walk_manifest(w, &text, err);
}

static int walk_begin(struct walk *w, struct error *err)
{
	w->seen = json_object();
	w->worked = json_object();
	return w->seen && w->worked ? 0 : error_set(err, ENOMEM, "image cache");
}

static void walk_end(struct walk *w)
{
	json_decref(w->seen);
	json_decref(w->worked);
}

int reach_walk(struct store *s, const struct oci_descriptor *root, const struct platform *platform, reach_fn *fn,
	       void *data, struct error *err)
{
	_cleanup_(walk_end) struct walk w = { .store = s, .platform = platform, .fn = fn, .data = data };

	return walk_begin(&w, err) < 0 ? -1 : walk_descriptor(&w, root, 0, err);
}

static int bad_blob(void *data, const struct oci_descriptor *blob, struct error *err)
{
	return store_good_blob(data, blob->digest, blob->size) ? 0 : error_say(err, EBADMSG, "%s", blob->digest);
}

bool reach_whole(struct store *s, const struct oci_descriptor *root, const struct platform *platform)
{
	return reach_walk(s, root, platform, bad_blob, s, NULL) == 0;
}

/* --- collection --- */

static int reach_nothing(void *data, const struct oci_descriptor *blob, struct error *err)
{
	(void)data;
	(void)blob;
	(void)err;
	return 0;
}

static int collect_in(struct store *s, const char *algorithm, json_t *reached, uint64_t *blobs, uint64_t *bytes,
		      struct error *err)
{
	_cleanup_free_ char *path = str_format("%s/blobs/%s", s->dir, algorithm);
	_cleanup_closedir_ DIR *dir = path ? opendir(path) : NULL;
	struct dirent *entry;

	if (!dir)
		return !path || errno != ENOENT ? error_set(err, errno, "%s/blobs/%s", s->dir, algorithm) : 0;
	while ((entry = readdir(dir))) {
		_cleanup_free_ char *digest = str_format("%s:%s", algorithm, entry->d_name);
		struct stat st;

		if (!digest)
			return error_set(err, ENOMEM, "image cache");
		if (!digest_valid(digest) || json_object_get(reached, digest))
			continue;
		if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue; /* another process has removed it */
		if (S_ISDIR(st.st_mode)) {
			_cleanup_free_ char *folder = str_format("%s/%s", path, entry->d_name);

			if (!folder || dir_remove(folder, err) < 0)
				return folder ? -1 : error_set(err, ENOMEM, "image cache");
		} else if (unlinkat(dirfd(dir), entry->d_name, 0) < 0 && errno != ENOENT) {
			return error_set(err, errno, "%s/%s", path, entry->d_name);
		}
		*blobs += 1;
		*bytes += (uint64_t)st.st_size;
	}
	return 0;
}

/* What all names reach. Nobody knows what a damaged document would name: EBADMSG, with that name. */
static int reach_all(struct store *s, struct walk *w, struct error *err)
{
	struct store_entry *entries;
	size_t count;
	int r = store_list(s, &entries, &count, err);

	if (r < 0)
		return -1;
	for (size_t i = 0; r == 0 && i < count; i++) {
		_cleanup_error_ struct error why = { 0 };

		r = walk_descriptor(w, &entries[i].desc, 0, &why);
		if (r < 0)
			error_say(err, why.code == ENOMEM ? ENOMEM : EBADMSG, "%s: %s", entries[i].name,
				  error_text(&why));
	}
	store_list_free(entries, count);
	return r;
}

int store_collect(struct store *s, uint64_t *blobs, uint64_t *bytes, struct error *err)
{
	_cleanup_(walk_end) struct walk w = { .store = s, .fn = reach_nothing };
	uint64_t removed = 0, freed = 0;
	int r;

	if (walk_begin(&w, err) < 0)
		return -1;
	if (s->users >= 0 && flock(s->users, LOCK_EX | LOCK_NB) < 0) {
		flock(s->users, LOCK_SH); /* a conversion that fails may have lost the lock */
		return error_say(err, EBUSY, "the image cache is in use by another program");
	}
	r = reach_all(s, &w, err);
	if (r == 0)
		r = collect_in(s, "sha256", w.seen, &removed, &freed, err);
	if (r == 0)
		r = collect_in(s, "sha512", w.seen, &removed, &freed, err);
	if (r == 0)
		r = plain_remove_all(s, &freed, err);
	if (s->users >= 0)
		flock(s->users, LOCK_SH);
	if (blobs)
		*blobs = removed;
	if (bytes)
		*bytes = freed;
	return r;
}
