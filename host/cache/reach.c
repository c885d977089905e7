#include "reach.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "store_private.h"
#include "str.h"

enum { NESTING_MAX = 4 };

static int walk(struct store *s, const struct oci_descriptor *d, const struct platform *platform, int depth,
		reach_fn *fn, void *data, struct error *err);

static int walk_index(struct store *s, const struct buf *text, const struct platform *platform, int depth, reach_fn *fn,
		      void *data, struct error *err)
{
	_cleanup_index_ struct oci_index index = { 0 };

	if (oci_index_parse(buf_bytes(text), text->len, &index, err) < 0)
		return -1;
	for (size_t i = 0; i < index.count; i++) {
		const struct oci_descriptor *d = &index.manifests[i];

		if (platform && oci_kind(d->media_type) != OCI_KIND_INDEX && !platform_match(platform, &d->platform))
			continue;
		if (walk(s, d, platform, depth + 1, fn, data, err) < 0)
			return -1;
	}
	return 0;
}

static int walk_manifest(const struct buf *text, reach_fn *fn, void *data, struct error *err)
{
	_cleanup_manifest_ struct oci_manifest m = { 0 };

	if (oci_manifest_parse(buf_bytes(text), text->len, &m, err) < 0 || fn(data, &m.config, err) < 0)
		return -1;
	for (size_t i = 0; i < m.layer_count; i++)
		if (fn(data, &m.layers[i], err) < 0)
			return -1;
	return 0;
}

static int walk(struct store *s, const struct oci_descriptor *d, const struct platform *platform, int depth,
		reach_fn *fn, void *data, struct error *err)
{
	_cleanup_buf_ struct buf text = { 0 };
	enum oci_kind kind = oci_kind(d->media_type);

	if (fn(data, d, err) < 0)
		return -1;
	if (kind == OCI_KIND_OTHER || depth == NESTING_MAX || !store_has_blob(s, d->digest))
		return 0;
	if (store_read_blob(s, d->digest, d->size, OCI_JSON_MAX, &text, err) < 0)
		return -1;
	return kind == OCI_KIND_INDEX ? walk_index(s, &text, platform, depth, fn, data, err)
				      : walk_manifest(&text, fn, data, err);
}

int reach_walk(struct store *s, const struct oci_descriptor *root, const struct platform *platform, reach_fn *fn,
	       void *data, struct error *err)
{
	return walk(s, root, platform, 0, fn, data, err);
}

/* --- collection --- */

static int note(void *data, const struct oci_descriptor *blob, struct error *err)
{
	json_t *seen = data; /* an object is a set of strings */

	return json_object_set(seen, blob->digest, json_null()) < 0 ? error_set(err, ENOMEM, "image cache") : 0;
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
			continue; /* somebody else was faster */
		if (unlinkat(dirfd(dir), entry->d_name, 0) < 0 && errno != ENOENT)
			return error_set(err, errno, "%s/%s", path, entry->d_name);
		*blobs += 1;
		*bytes += (uint64_t)st.st_size;
	}
	return 0;
}

int store_collect(struct store *s, uint64_t *blobs, uint64_t *bytes, struct error *err)
{
	uint64_t removed = 0, freed = 0;
	struct store_entry *entries = NULL;
	size_t count = 0;
	json_t *reached = json_object();
	int r;

	if (!reached)
		return error_set(err, ENOMEM, "image cache");
	if (s->users >= 0 && flock(s->users, LOCK_EX | LOCK_NB) < 0) {
		flock(s->users, LOCK_SH); /* a conversion that fails may have lost the lock */
		json_decref(reached);
		return error_say(err, EBUSY, "the image cache is in use by another program");
	}
	r = store_list(s, &entries, &count, err);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = reach_walk(s, &entries[i].desc, NULL, note, reached, err);
	if (r == 0)
		r = collect_in(s, "sha256", reached, &removed, &freed, err);
	if (r == 0)
		r = collect_in(s, "sha512", reached, &removed, &freed, err);
	if (s->users >= 0)
		flock(s->users, LOCK_SH);
	store_list_free(entries, count);
	json_decref(reached);
	if (blobs)
		*blobs = removed;
	if (bytes)
		*bytes = freed;
	return r;
}
