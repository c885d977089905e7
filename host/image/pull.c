/* Pulling: skopeo copies into a directory (its dir: transport), file by file named by the digits of their digest; what
 * it has fetched goes into the store, each blob verified, and the name comes last. Of an index each platform is an
 * image of its own for skopeo. */
#include "pull.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "progress.h"
#include "reach.h"
#include "shipped.h"
#include "skopeo_private.h"
#include "str.h"

/* Whether an entry of $LINUXKIT_MIRROR, [REGISTRY=]URL, is for this registry. *url: where its URL begins. */
static bool is_mirror_of(const char *entry, const char *registry, size_t n, bool any, const char **url)
{
	const char *equals = strchr(entry, '=');
	size_t k = equals ? (size_t)(equals - entry) : 0;

	*url = equals ? equals + 1 : entry;
	if (k && equals[-1] == '/')
		k--;
	return equals ? k == n && strncmp(entry, registry, n) == 0 : any;
}

/* The URL of the registry's mirror, the last one that is named; NULL: none. list: the words of $LINUXKIT_MIRROR. */
static const char *mirror_of(char *const *list, const char *registry, size_t n)
{
	const char *found = NULL, *url;

	for (size_t i = 0; list && list[i]; i++)
		if (is_mirror_of(list[i], registry, n, true, &url) && !strchr(list[i], '='))
			found = url;
	for (size_t i = 0; list && list[i]; i++)
		if (is_mirror_of(list[i], registry, n, false, &url))
			found = url;
	return found;
}

/* A name as it is pulled: with its mirror's host instead of its registry's, or as it is. *plain: by http. */
static char *name_at_mirror(const char *name, bool *plain, struct error *err)
{
	const char *all = getenv("LINUXKIT_MIRROR"), *path = strchr(name, '/'), *url, *host;
	_cleanup_strv_ char **list = all ? strv_split(all, ", ") : NULL;
	size_t n;
	char *out;

	url = path ? mirror_of(list, name, (size_t)(path - name)) : NULL;
	*plain = url && str_starts(url, "http://");
	if (!url) {
		out = strdup(name);
	} else if (!*plain && !str_starts(url, "https://")) {
		error_say(err, 0, "LINUXKIT_MIRROR: \"%s\" must begin with http:// or https://", url);
		return NULL;
	} else {
		host = strstr(url, "://") + 3;
		n = strlen(host);
		while (n && host[n - 1] == '/')
			n--;
		out = str_format("%.*s%s", (int)n, host, path);
	}
	if (!out)
		error_set(err, ENOMEM, "%s", name);
	return out;
}

static int directory_take_blob(struct store *s, const char *dir, const struct oci_descriptor *d, struct error *err)
{
	_cleanup_free_ char *from = str_format("%s/%s", dir, d->digest + 7);
	_cleanup_stream_ struct stream *file = NULL;
	_cleanup_blob_writer_ struct blob_writer w = BLOB_WRITER_INIT;
	_cleanup_descriptor_ struct oci_descriptor stored = { 0 };
	_cleanup_free_ uint8_t *chunk = malloc(64 << 10);
	ssize_t r;

	if (!from || !chunk)
		return error_set(err, ENOMEM, "pulling");
	if (store_good_blob(s, d->digest, d->size))
		return 0;
	file = stream_from_file(from, err);
	file = file ? stream_verify(file, d->digest, d->size, d->digest, err) : NULL;
	if (!file || blob_begin_as(s, &w, d->digest, err) < 0)
		return -1;
	while ((r = file->read(file, chunk, 64 << 10, err)) > 0)
		if (sink_write(w.sink, chunk, (size_t)r, err) < 0)
			return -1;
	if (r < 0 || blob_commit(&w, &stored, err) < 0)
		return -1;
	unlink(from); /* the disk need not hold it twice for longer than this */
	return 0;
}

/* manifest.json and the blobs it names; the manifest's descriptor into *out. */
static int directory_take(struct store *s, const char *dir, struct oci_descriptor *out, struct error *err)
{
	_cleanup_free_ char *path = str_format("%s/manifest.json", dir);
	_cleanup_buf_ struct buf text = { 0 };
	_cleanup_manifest_ struct oci_manifest m = { 0 };

	if (!path)
		return error_set(err, ENOMEM, "pulling");
	if (file_read(path, OCI_JSON_MAX, &text, err) < 0 ||
	    oci_manifest_parse(buf_bytes(&text), text.len, &m, err) < 0 ||
	    directory_take_blob(s, dir, &m.config, err) < 0)
		return -1;
	for (size_t i = 0; i < m.layer_count; i++)
		if (directory_take_blob(s, dir, &m.layers[i], err) < 0)
			return -1;
	free(out->media_type);
	out->media_type = strdup(m.media_type ? m.media_type : OCI_MANIFEST);
	if (!out->media_type)
		return error_set(err, ENOMEM, "pulling");
	return store_add_blob(s, buf_bytes(&text), text.len, out, err);
}

/* option: one more of skopeo's, with its value; NULL: none. */
static int skopeo_copy_from(struct store *s, const char *source, const char *option, const char *value,
			    struct oci_descriptor *out, struct error *err)
{
	_cleanup_temp_dir_ struct temp_dir dir = TEMP_DIR_INIT;
	_cleanup_free_ char *target = NULL;

	/* on the cache's own file system, which is meant to hold it */
	if (temp_dir_make(&dir, store_path(s), err) < 0)
		return -1;
	target = str_format("dir:%s", dir.path);
	if (!target)
		return error_set(err, ENOMEM, "pulling");

	char *const argv[] = { "skopeo", "copy",         "--preserve-digests", (char *)source,
			       target,   (char *)option, (char *)value,        NULL };

	if (skopeo_run(argv, dir.path, NULL, err) < 0)
		return -1;
	return directory_take(s, dir.path, out, err);
}

static int skopeo_copy_in(struct store *s, const char *source, bool plain, struct oci_descriptor *out,
			  struct error *err)
{
	return skopeo_copy_from(s, source, plain ? "--src-tls-verify=false" : NULL, NULL, out, err);
}

static int pull_instance(struct store *s, const char *repository, bool plain, const struct oci_descriptor *d,
			 struct error *err)
{
	_cleanup_descriptor_ struct oci_descriptor got = { 0 };
	_cleanup_free_ char *source = str_format("docker://%s@%s", repository, d->digest);

	if (!source)
		return error_set(err, ENOMEM, "pulling");
	if (reach_whole(s, d, NULL))
		return 0;
	if (skopeo_copy_in(s, source, plain, &got, err) < 0)
		return -1;
	if (!str_eq(got.digest, d->digest))
		return error_say(err, EBADMSG, "the registry gave %s for %s", got.digest, d->digest);
	return 0;
}

static bool named_before(const struct oci_index *index, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (str_eq(index->manifests[k].digest, index->manifests[i].digest))
			return true;
	return false;
}

static int pull_index(struct store *s, const char *repository, bool plain, const struct oci_index *index,
		      const struct platform *platform, struct error *err)
{
	size_t found = 0;

	for (size_t i = 0; i < index->count; i++) {
		const struct oci_descriptor *d = &index->manifests[i];

		if (oci_kind(d->media_type) != OCI_KIND_MANIFEST || str_eq(d->platform.os, "unknown") ||
		    (platform && !platform_match(platform, &d->platform)))
			continue;
		if (!named_before(index, i) && pull_instance(s, repository, plain, d, err) < 0)
			return -1;
		found++;
		if (platform)
			break; /* the first is the one that image_load() takes */
	}
	if (!found)
		return platform ? oci_index_lacks(index, platform, err)
				: error_say(err, ENXIO, "no image in the index");
	return 0;
}

static int set_name(struct store *s, const char *name, const struct oci_descriptor *d, const char *origin,
		    struct error *err)
{
	struct store_change change = { .name = name, .desc = d };
	int r = store_set_names(s, &change, 1, origin, CLAIM_ANY, err);

	free(change.was);
	return r;
}

static int image_pull_ref(struct store *s, const struct ref *ref, const char *name, const struct platform *platform,
			  struct error *err)
{
	_cleanup_buf_ struct buf raw = { 0 };
	_cleanup_index_ struct oci_index index = { 0 };
	_cleanup_descriptor_ struct oci_descriptor root = { 0 };
	bool plain;
	_cleanup_free_ char *from = name_at_mirror(name, &plain, err), *repository = NULL;

	repository = from ? name_at_mirror(ref->name, &plain, err) : NULL;
	if (!repository || skopeo_fetch_raw(from, plain, &raw, err) < 0)
		return -1;
	if (oci_index_parse(buf_bytes(&raw), raw.len, &index, NULL) < 0) {
		_cleanup_free_ char *source = str_format("docker://%s", from);
		_cleanup_manifest_ struct oci_manifest m = { 0 };

		if (!source)
			return error_set(err, ENOMEM, "pulling");
		if (oci_manifest_parse(buf_bytes(&raw), raw.len, &m, err) < 0 ||
		    skopeo_copy_in(s, source, plain, &root, err) < 0)
			return -1;
	} else {
		if (pull_index(s, repository, plain, &index, platform, err) < 0)
			return -1;
		root.media_type = strdup(index.media_type ? index.media_type : OCI_INDEX);
		if (!root.media_type)
			return error_set(err, ENOMEM, "pulling");
		if (store_add_blob(s, buf_bytes(&raw), raw.len, &root, err) < 0)
			return -1;
	}
	if (ref->digest && !str_eq(root.digest, ref->digest))
		return error_say(err, EBADMSG, "the registry gave %s instead", root.digest);
	return set_name(s, name, &root, ORIGIN_REGISTRY, err);
}

int image_pull(struct store *s, const char *text, const struct platform *platform, struct error *err)
{
	_cleanup_progress_ struct progress progress = { 0 };
	_cleanup_ref_ struct ref ref = { 0 };
	_cleanup_free_ char *name = NULL;
	int shipped;

	if (ref_parse(text, &ref, err) < 0)
		return -1;
	shipped = shipped_take(s, &ref, err);
	if (shipped)
		return shipped < 0 ? -1 : 0;
	if (ref.digest) { /* registries take a tag or a digest; the digest says more */
		free(ref.tag);
		ref.tag = NULL;
	}
	name = ref_cache_name(&ref);
	if (!name)
		return error_set(err, ENOMEM, "pulling");
	progress_begin(&progress, PROGRESS_ANNOUNCE, 0, "pulling %s", name);
	return image_pull_ref(s, &ref, name, platform, err) < 0 ? error_wrap(err, "pulling %s", name) : 0;
}

int image_pull_docker(struct store *s, const char *text, struct error *err)
{
	_cleanup_descriptor_ struct oci_descriptor d = { 0 };
	const char *host = getenv("DOCKER_HOST");
	_cleanup_ref_ struct ref ref = { 0 };
	_cleanup_free_ char *name = NULL, *source = NULL;

	if (ref_parse(text, &ref, err) < 0)
		return -1;
	name = ref_cache_name(&ref);
	source = name ? str_format("docker-daemon:%s", name) : NULL;
	if (!source)
		return error_set(err, ENOMEM, "pulling");
	/* skopeo does not look at Docker's own variable */
	if (skopeo_copy_from(s, source, host && *host ? "--src-daemon-host" : NULL, host, &d, err) < 0 ||
	    set_name(s, name, &d, ORIGIN_DOCKER, err) < 0)
		return error_wrap(err, "image %s from Docker", name);
	return 0;
}

int image_take_directory(struct store *s, const char *dir, struct oci_descriptor *out, struct error *err)
{
	return directory_take(s, dir, out, err);
}

int image_take_source(struct store *s, const char *source, const struct platform *platform, struct oci_descriptor *out,
		      struct error *err)
{
	return skopeo_copy_from(s, source, "--override-arch", platform->arch, out, err);
}
