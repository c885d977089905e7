/* Pushing, and asking registries. */
#include "push.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "progress.h"
#include "reach.h"
#include "skopeo_private.h"
#include "str.h"

static int missing_blob(void *data, const struct oci_descriptor *blob, struct error *err)
{
	return store_has_blob(data, blob->digest) ? 0 : error_say(err, ENOENT, "%s", blob->digest);
}

static bool image_complete(struct store *s, const struct oci_descriptor *d)
{
	return reach_walk(s, d, NULL, missing_blob, s, NULL) == 0;
}

char *registry_digest(const char *text, struct error *err)
{
	_cleanup_ref_ struct ref ref = { 0 };
	_cleanup_free_ char *name = NULL;
	_cleanup_buf_ struct buf raw = { 0 };
	_cleanup_sink_ struct sink *digest = NULL;

	if (ref_parse(text, &ref, err) < 0)
		return NULL;
	name = ref_cache_name(&ref);
	if (!name || skopeo_fetch_raw(name, false, &raw, err) < 0)
		return NULL;
	digest = sink_digest(NULL, err);
	if (!digest || sink_write(digest, buf_bytes(&raw), raw.len, err) < 0 || sink_finish(digest, err) < 0)
		return NULL;
	return strdup(sink_digest_text(digest));
}

int registry_copy(const char *from, const char *to, struct error *err)
{
	_cleanup_ref_ struct ref ref = { 0 }, target = { 0 };
	_cleanup_free_ char *source = NULL, *name = NULL, *destination = NULL, *target_name = NULL;

	if (ref_parse(from, &ref, err) < 0 || ref_parse(to, &target, err) < 0)
		return -1;
	name = ref_cache_name(&ref);
	target_name = ref_cache_name(&target);
	source = name ? str_format("docker://%s", name) : NULL;
	destination = target_name ? str_format("docker://%s", target_name) : NULL;
	if (!source || !destination)
		return error_set(err, ENOMEM, "%s", to);

	char *const argv[] = { "skopeo", "copy", "--all", "--preserve-digests", source, destination, NULL };

	return skopeo_run(argv, NULL, NULL, err) < 0 ? error_wrap(err, "copying %s to %s", name, target_name) : 0;
}

/* From a layout of its own that borrows the cache's blobs: the cache may hold names that skopeo cannot parse. whole: an
 * index with all its platforms, and nothing may be converted; else this machine's platform of it. */
static int push_descriptor(struct store *s, const struct oci_descriptor *d, const char *transport, const char *remote,
			   bool whole, struct error *err)
{
	_cleanup_temp_dir_ struct temp_dir dir = TEMP_DIR_INIT;
	_cleanup_free_ char *source = NULL, *target = str_format("%s%s", transport, remote), *index = NULL,
			    *layout = NULL;
	_cleanup_free_ char *shared = str_format("%s/blobs", store_path(s)), *text = NULL;
	static const char version[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	const char *daemon = getenv("DOCKER_HOST"); /* which skopeo does not look at itself */
	json_t *root = json_pack("{s:i, s:[o]}", "schemaVersion", 2, "manifests", oci_descriptor_json(d));

	text = root ? json_dumps(root, JSON_COMPACT) : NULL;
	json_decref(root);
	if (temp_dir_make(&dir, NULL, err) < 0)
		return -1;
	source = str_format("oci:%s", dir.path);
	index = str_format("%s/index.json", dir.path);
	layout = str_format("%s/oci-layout", dir.path);
	if (!text || !source || !target || !index || !layout || !shared)
		return error_set(err, ENOMEM, "pushing");
	if (file_write(index, text, strlen(text), 0644, err) < 0 ||
	    file_write(layout, version, strlen(version), 0644, err) < 0)
		return -1;

	char *argv[12] = { "skopeo", "copy", "--src-shared-blob-dir", shared };
	size_t n = 4;

	if (whole) {
		argv[n++] = "--all";
		argv[n++] = "--preserve-digests";
	} else if (daemon && *daemon) {
		argv[n++] = "--dest-daemon-host";
		argv[n++] = (char *)daemon;
	}
	argv[n++] = source;
	argv[n++] = target;

	return skopeo_run(argv, NULL, NULL, err);
}

static int push_arch_tags(struct store *s, const struct oci_descriptor *root, const char *remote, struct error *err)
{
	_cleanup_buf_ struct buf text = { 0 };
	_cleanup_index_ struct oci_index index = { 0 };

	if (store_read_blob(s, root->digest, root->size, OCI_JSON_MAX, &text, err) < 0 ||
	    oci_index_parse(buf_bytes(&text), text.len, &index, err) < 0)
		return -1;
	for (size_t i = 0; i < index.count; i++) {
		const struct oci_descriptor *d = &index.manifests[i];
		_cleanup_free_ char *name = str_format("%s-%s", remote, d->platform.arch);

		if (oci_kind(d->media_type) != OCI_KIND_MANIFEST || !d->platform.arch[0] ||
		    str_eq(d->platform.arch, "unknown"))
			continue;
		if (!name)
			return error_set(err, ENOMEM, "pushing");
		if (push_descriptor(s, d, "docker://", name, true, err) < 0)
			return -1;
	}
	return 0;
}

int image_push(struct store *s, const char *text, const char *remote, unsigned what, bool override, bool *skipped,
	       struct error *err)
{
	_cleanup_ref_ struct ref ref = { 0 }, to = { 0 };
	_cleanup_descriptor_ struct oci_descriptor root = { 0 };
	_cleanup_progress_ struct progress progress = { 0 };
	_cleanup_free_ char *name = NULL;
	int r;

	*skipped = false;
	if (ref_parse(text, &ref, err) < 0 || ref_parse(remote ? remote : text, &to, err) < 0 ||
	    store_find(s, &ref, &root, err) < 0)
		return -1;
	name = ref_cache_name(&to);
	if (!name)
		return error_set(err, ENOMEM, "pushing");
	if (to.digest)
		return error_say(err, EINVAL, "%s: an image is pushed under a tag, not under a digest", name);
	if (!image_complete(s, &root))
		return error_say(err, ENOENT,
				 "%s: the cache does not hold all its platforms: pull it with --platform all", name);
	if (!override) {
		_cleanup_free_ char *there = registry_digest(name, NULL);

		if (there) {
			*skipped = true;
			return 0;
		}
	}
	progress_begin(&progress, PROGRESS_ANNOUNCE, 0, "pushing %s", name);
	r = what & PUSH_IMAGE ? push_descriptor(s, &root, "docker://", name, true, err) : 0;
	if (r == 0 && (what & PUSH_ARCHES) && oci_kind(root.media_type) == OCI_KIND_INDEX)
		r = push_arch_tags(s, &root, name, err);
	return r < 0 ? error_wrap(err, "pushing %s", name) : 0;
}

int image_push_docker(struct store *s, const char *text, struct error *err)
{
	_cleanup_descriptor_ struct oci_descriptor root = { 0 };
	_cleanup_progress_ struct progress progress = { 0 };
	_cleanup_ref_ struct ref ref = { 0 };
	_cleanup_free_ char *name = NULL;

	if (ref_parse(text, &ref, err) < 0 || store_find(s, &ref, &root, err) < 0)
		return -1;
	name = ref_cache_name(&ref);
	if (!name)
		return error_set(err, ENOMEM, "loading into Docker");
	progress_begin(&progress, PROGRESS_ANNOUNCE, 0, "loading %s into Docker", name);
	return push_descriptor(s, &root, "docker-daemon:", name, false, err) < 0
		? error_wrap(err, "loading %s into Docker", name)
		: 0;
}
