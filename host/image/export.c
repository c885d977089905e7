/* Exporting: an OCI image layout as a tar archive, with the manifest.json of `docker save` in it, or the files alone.
 */
#include "export.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "image.h"
#include "layers.h"
#include "outfile.h"
#include "output.h"
#include "progress.h"
#include "reach.h"
#include "str.h"
#include "tar.h"

static void cleanup_json(json_t **j)
{
	json_decref(*j);
}
#define _cleanup_json_ _cleanup_(cleanup_json)

struct export
{
	struct store *store;
	struct sink *out;
	json_t *written; /* digests */
	json_t *docker;  /* list for manifest.json */
	json_t *index;   /* that of index.json */
	const char *name;
};

static int write_header(struct export *e, enum tar_type type, const char *path, uint64_t size, struct error *err)
{
	struct tar_entry entry = {
		.type = type, .path = path, .target = "", .mode = type == TAR_DIR ? 0755 : 0644, .size = size
	};
	_cleanup_buf_ struct buf header = { 0 };

	if (tar_write_header(&header, &entry, err) < 0)
		return -1;
	return sink_write(e->out, buf_bytes(&header), header.len, err);
}

static int write_file(struct export *e, const char *path, const void *data, size_t n, struct error *err)
{
	if (write_header(e, TAR_FILE, path, n, err) < 0 || sink_write(e->out, data, n, err) < 0)
		return -1;
	return sink_pad(e->out, TAR_BLOCK, err);
}

static int write_json(struct export *e, const char *path, const json_t *json, struct error *err)
{
	_cleanup_free_ char *text = json ? json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS) : NULL;

	return text ? write_file(e, path, text, strlen(text), err) : error_set(err, ENOMEM, "exporting");
}

static int write_blob(void *data, const struct oci_descriptor *d, struct error *err)
{
	struct export *e = data;
	_cleanup_stream_ struct stream *s = NULL;
	_cleanup_free_ char *path = str_format("blobs/%.6s/%s", d->digest, d->digest + 7);
	_cleanup_free_ uint8_t *chunk = malloc(64 << 10);
	ssize_t r;

	if (!path || !chunk)
		return error_set(err, ENOMEM, "exporting");
	if (json_object_get(e->written, d->digest))
		return 0;
	if (json_object_set(e->written, d->digest, json_null()) < 0)
		return error_set(err, ENOMEM, "exporting");
	s = store_open_blob(e->store, d->digest, d->size, err);
	if (!s || write_header(e, TAR_FILE, path, d->size, err) < 0)
		return -1;
	while ((r = s->read(s, chunk, 64 << 10, err)) > 0)
		if (sink_write(e->out, chunk, (size_t)r, err) < 0)
			return -1;
	return r < 0 ? -1 : sink_pad(e->out, TAR_BLOCK, err);
}

static json_t *blob_path(const char *digest)
{
	return json_sprintf("blobs/%.6s/%s", digest, digest + 7);
}

/* Docker's own list: it takes the blobs of the layout by their paths. */
static int add_docker_image(struct export *e, const struct oci_manifest *m, struct error *err)
{
	json_t *layers = json_array();

	for (size_t i = 0; i < m->layer_count; i++)
		if (json_array_append_new(layers, blob_path(m->layers[i].digest)) < 0) {
			json_decref(layers);
			return error_set(err, ENOMEM, "exporting");
		}
	if (json_array_append_new(e->docker,
				  json_pack("{s:o, s:[s], s:o}", "Config", blob_path(m->config.digest), "RepoTags",
					    e->name, "Layers", layers)) < 0)
		return error_set(err, ENOMEM, "exporting");
	return 0;
}

static int write_frame_start(struct export *e, struct error *err)
{
	static const char layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}";

	if (write_file(e, "oci-layout", layout, strlen(layout), err) < 0 ||
	    write_header(e, TAR_DIR, "blobs", 0, err) < 0)
		return -1;
	return write_header(e, TAR_DIR, "blobs/sha256", 0, err);
}

/* An entry of index.json, with platform and both names. */
static int add_index_entry(struct export *e, const struct oci_descriptor *root, struct error *err)
{
	_cleanup_descriptor_ struct oci_descriptor d = { 0 };

	if (oci_descriptor_copy(&d, root) < 0)
		return error_set(err, ENOMEM, "exporting");
	if (!d.annotations)
		d.annotations = json_object();
	json_object_del(d.annotations, ANNOTATION_ORIGIN); /* means something in this cache only */
	if (json_object_set_new(d.annotations, ANNOTATION_IMAGE_NAME, json_string(e->name)) < 0 ||
	    json_object_set_new(d.annotations, ANNOTATION_REF_NAME, json_string(e->name)) < 0 ||
	    json_array_append_new(e->index, oci_descriptor_json(&d)) < 0)
		return error_set(err, ENOMEM, "exporting");
	return 0;
}

static int write_frame_end(struct export *e, struct error *err)
{
	_cleanup_json_ json_t *index =
		json_pack("{s:i, s:s, s:O}", "schemaVersion", 2, "mediaType", OCI_INDEX, "manifests", e->index);

	if (write_json(e, "index.json", index, err) < 0)
		return -1;
	if (json_array_size(e->docker) && write_json(e, "manifest.json", e->docker, err) < 0)
		return -1;
	return sink_zero(e->out, (uint64_t)2 * TAR_BLOCK, err);
}

/* The manifest of one platform. */
static int export_platform(struct export *e, const struct image *img, struct error *err)
{
	struct oci_descriptor manifest = { .media_type = img->manifest.media_type ? img->manifest.media_type
										  : (char *)OCI_MANIFEST,
					   .digest = img->digest,
					   .platform = img->config.platform };
	_cleanup_buf_ struct buf text = { 0 };

	if (store_read_blob(e->store, img->digest, UINT64_MAX, OCI_JSON_MAX, &text, err) < 0)
		return -1;
	manifest.size = text.len;
	if (reach_walk(e->store, &manifest, NULL, write_blob, e, err) < 0 ||
	    add_docker_image(e, &img->manifest, err) < 0)
		return -1;
	return add_index_entry(e, &manifest, err);
}

/* The index with all its platforms; `docker load` of old has no word for that, and finds the host's platform. */
static int export_index(struct export *e, const char *text, const struct oci_descriptor *root, struct error *err)
{
	struct platform host = platform_host();
	_cleanup_image_ struct image *img = image_load(e->store, text, &host, NULL);

	if (reach_walk(e->store, root, NULL, write_blob, e, err) < 0)
		return -1;
	if (img && add_docker_image(e, &img->manifest, err) < 0)
		return -1;
	return add_index_entry(e, root, err);
}

/* A name with a digest is that of its content: where it was the index's, one of its manifests has another. */
static char *manifest_name(const char *name, const char *digest, struct error *err)
{
	_cleanup_ref_ struct ref ref = { 0 };
	char *own;

	if (ref_parse(name, &ref, err) < 0)
		return NULL;
	if (ref.digest) {
		free(ref.digest);
		ref.digest = strdup(digest);
	}
	own = ref.digest || !strchr(name, '@') ? ref_cache_name(&ref) : NULL;
	if (!own)
		error_set(err, ENOMEM, "image name");
	return own;
}

static int export_image(struct export *e, const char *text, const struct platform *platform, const char *name,
			struct error *err)
{
	_cleanup_descriptor_ struct oci_descriptor root = { 0 };
	_cleanup_image_ struct image *img = NULL;
	_cleanup_ref_ struct ref ref = { 0 };
	_cleanup_free_ char *own = NULL;

	e->name = name;
	if (platform) {
		img = image_load(e->store, text, platform, err);
		e->name = own = img ? manifest_name(name, img->digest, err) : NULL;
		return own ? export_platform(e, img, err) : -1;
	}
	if (ref_parse(text, &ref, err) < 0 || store_find(e->store, &ref, &root, err) < 0)
		return -1;
	return export_index(e, text, &root, err);
}

/* texts: what the cache calls the images, names: what the archive calls them. */
static int export_archive(struct store *s, char *const *texts, const struct platform *platform, char *const *names,
			  struct sink *out, struct error *err)
{
	_cleanup_json_ json_t *written = json_object(), *docker = json_array(), *index = json_array();
	struct export e = { .store = s, .out = out, .written = written, .docker = docker, .index = index };

	if (!written || !docker || !index)
		return error_set(err, ENOMEM, "exporting");
	if (write_frame_start(&e, err) < 0)
		return -1;
	for (size_t i = 0; texts[i]; i++)
		if (export_image(&e, texts[i], platform, names[i], err) < 0)
			return -1;
	return write_frame_end(&e, err);
}

static int export_files(struct store *s, const char *text, const struct platform *platform, struct sink *out,
			struct error *err)
{
	_cleanup_image_ struct image *img = image_load(s, text, platform, err);
	_cleanup_tree_ struct tree *tree = img ? tree_new(err) : NULL;

	if (!tree || image_unpack(tree, "", img, NULL, NULL, err) < 0)
		return -1;
	return tree_write_tar(tree, out, err);
}

static char *archive_name(const char *text, const char *name, struct error *err)
{
	_cleanup_ref_ struct ref ref = { 0 };
	char *full;

	if (ref_parse(name ? name : text, &ref, err) < 0)
		return NULL;
	full = ref_cache_name(&ref);
	if (!full)
		error_set(err, ENOMEM, "image name");
	return full;
}

int image_export(struct store *s, const char *text, const struct platform *platform, enum export_format format,
		 const char *name, const char *path, struct error *err)
{
	_cleanup_outfile_ struct outfile file = OUTFILE_INIT;
	_cleanup_free_ char *full = archive_name(text, name, err);
	_cleanup_sink_ struct sink *out = NULL;
	_cleanup_progress_ struct progress progress = { 0 };
	bool standard = str_eq(path, "-");
	int r;

	if (!full)
		return -1;
	if (format == EXPORT_FILESYSTEM && !platform)
		return error_say(err, EINVAL, "the files of an image are those of one platform");
	if (!standard && outfile_open(&file, path, err) < 0)
		return -1;
	out = sink_to_fd(standard ? STDOUT_FILENO : file.fd, standard ? "standard output" : path, err);
	if (!out)
		return -1;
	progress_begin(&progress, PROGRESS_WRITES, 0, "exporting %s", full);
	r = format == EXPORT_FILESYSTEM
		? export_files(s, text, platform, out, err)
		: export_archive(s, (char *[]){ (char *)text, NULL }, platform, (char *[]){ full, NULL }, out, err);
	if (r < 0 || sink_finish(out, err) < 0)
		return -1;
	return standard ? 0 : outfile_commit(&file, 0644, err);
}

int image_export_several(struct store *s, char *const *texts, const struct platform *platform, char *const *names,
			 const char *path, struct error *err)
{
	_cleanup_outfile_ struct outfile file = OUTFILE_INIT;
	_cleanup_sink_ struct sink *out = NULL;

	if (outfile_open(&file, path, err) < 0)
		return -1;
	out = sink_to_fd(file.fd, path, err);
	if (!out || export_archive(s, texts, platform, names, out, err) < 0 || sink_finish(out, err) < 0)
		return -1;
	return outfile_commit(&file, 0644, err);
}
