/* Importing archives and layouts. An archive is read once, from front to end, so that it may come through a pipe: blobs
 * go into the store as they pass, documents are kept in memory, and what they mean is worked out at the end. */
#include "import.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "archive.h"
#include "image.h"
#include "io.h"
#include "progress.h"
#include "reach.h"
#include "str.h"

enum { FILES_MAX = 65536, INNER_MAX = 64 };

struct import {
	struct store *store;
	const char *name; /* given by the caller, or NULL */
	bool replace;
	json_t *files;   /* docker archive: path -> {digest, size} of what is stored, or the target of a link */
	json_t *listed;  /* name -> its place in out */
	json_t *checked; /* digest -> whether the image is all there: many names may be of one */
	struct buf index, manifest;
	struct imported *out;
};

static void import_clear(struct import *im)
{
	json_decref(im->files);
	json_decref(im->checked);
	json_decref(im->listed);
	buf_free(&im->index);
	buf_free(&im->manifest);
}

/* --- names --- */

/* The cache name for what an archive calls an image; NULL when that is no name. */
static char *cache_name(const char *text, struct error *err)
{
	_cleanup_ref_ struct ref ref = { 0 };
	char *name;

	if (ref_parse(text, &ref, err) < 0)
		return NULL;
	name = ref_cache_name(&ref);
	if (!name)
		error_set(err, ENOMEM, "image name");
	return name;
}

/* Takes note of an image; all get their names at the end. */
static int list_as(struct import *im, const char *text, const struct oci_descriptor *d, struct error *err)
{
	struct imported *out = im->out;
	void *grown = reallocarray(out->images, out->count + 1, sizeof(*out->images));
	_cleanup_free_ char *name = cache_name(text, err);
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

static int set_names(struct import *im, struct error *err)
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

/* --- is it all there? --- */

struct check {
	struct store *store;
	size_t missing, manifests;
	char *first; /* of what is missing */
};

static int check_blob(void *data, const struct oci_descriptor *blob, struct error *err)
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

static bool whole(struct import *im, const struct oci_descriptor *d)
{
	const json_t *before = json_object_get(im->checked, d->digest);
	struct check one = { .store = im->store };
	bool good;

	if (before)
		return json_is_true(before);
	good = reach_walk(im->store, d, NULL, check_blob, &one, NULL) == 0 && !one.missing && one.manifests;
	free(one.first);
	json_object_set_new(im->checked, d->digest, json_boolean(good));
	return good;
}

/* Of an index that lacks something: one of its manifests is all there. Inner indexes are looked into only as a whole.
 */
static int check_index(struct import *im, const struct oci_descriptor *root, const char *missing, struct error *err)
{
	_cleanup_index_ struct oci_index index = { 0 };
	_cleanup_buf_ struct buf text = { 0 };

	if (store_read_blob(im->store, root->digest, root->size, OCI_JSON_MAX, &text, err) < 0 ||
	    oci_index_parse(buf_bytes(&text), text.len, &index, err) < 0)
		return -1;
	for (size_t i = 0; i < index.count; i++)
		if (oci_kind(index.manifests[i].media_type) == OCI_KIND_MANIFEST && whole(im, &index.manifests[i]))
			return 0;
	for (size_t i = 0; i < index.count && i < INNER_MAX; i++)
		if (oci_kind(index.manifests[i].media_type) == OCI_KIND_INDEX && whole(im, &index.manifests[i]))
			return 0;
	return error_say(err, EBADMSG, "blob %s is missing in it", missing);
}

/* A plain manifest must be complete, of an index one of its manifests. */
static int check_complete(struct import *im, const struct oci_descriptor *root, struct error *err)
{
	struct check all = { .store = im->store };
	int r = json_is_true(json_object_get(im->checked, root->digest))
		? 0
		: reach_walk(im->store, root, NULL, check_blob, &all, err);
	_cleanup_free_ char *first = all.first;

	if (r == 0 && all.missing)
		r = oci_kind(root->media_type) == OCI_KIND_INDEX && store_has_blob(im->store, root->digest)
			? check_index(im, root, first, err)
			: error_say(err, EBADMSG, "blob %s is missing in it", first);
	if (r == 0 && json_object_set_new(im->checked, root->digest, json_true()) < 0)
		return error_set(err, ENOMEM, "image");
	return r;
}

/* --- OCI --- */

/* The annotation of the specification holds a full name, a tag, or whatever the writer liked. */
static const char *own_name(const struct oci_descriptor *d)
{
	const char *name = oci_descriptor_annotation(d, ANNOTATION_IMAGE_NAME);

	if (name)
		return name;
	name = oci_descriptor_annotation(d, ANNOTATION_REF_NAME);
	return name && (strchr(name, '/') || strchr(name, ':')) ? name : NULL;
}

static int finish_oci(struct import *im, struct error *err)
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
		const char *name = im->name ? im->name : own_name(d);

		if (oci_kind(d->media_type) == OCI_KIND_OTHER)
			continue;
		if (!name) {
			unnamed = true;
			continue;
		}
		if (check_complete(im, d, err) < 0 || list_as(im, name, d, err) < 0)
			return error_wrap(err, "image %s", name);
	}
	if (!im->out->count)
		return error_say(err, EINVAL,
				 unnamed ? "it does not say what its image is called: give it with --name NAME"
					 : "there is no image in it");
	return 0;
}

/* --- docker archives --- */

/* What is stored for a path, following the links that old versions of Docker write for equal layers. */
static const json_t *stored_file(struct import *im, const char *path)
{
	_cleanup_free_ char *at = strdup(path);
	const json_t *f = NULL;

	for (int hops = 0; at && hops < 8; hops++) {
		const char *slash, *target;
		char *next;

		f = json_object_get(im->files, at);
		if (!json_is_string(f))
			return f;
		target = json_string_value(f);
		slash = strrchr(at, '/');
		/* "../ID/layer.tar" beside "ID/layer.tar" */
		if (str_starts(target, "../") && slash)
			next = strdup(target + 3);
		else
			next = str_format("%.*s%s", slash ? (int)(slash + 1 - at) : 0, at, target);
		free(at);
		at = next;
	}
	return NULL;
}

static int descriptor_of(struct import *im, const char *path, const char *media_type, struct oci_descriptor *out,
			 struct error *err)
{
	const json_t *f = stored_file(im, path);

	if (!f)
		return error_say(err, EBADMSG, "%.200s is missing in it", path);
	out->media_type = strdup(media_type);
	out->digest = strdup(json_string_value(json_object_get(f, "digest")));
	out->size = (uint64_t)json_integer_value(json_object_get(f, "size"));
	return out->media_type && out->digest ? 0 : error_set(err, ENOMEM, "image");
}

static int append_descriptor(struct import *im, json_t *list, const char *path, struct error *err)
{
	_cleanup_descriptor_ struct oci_descriptor d = { 0 };

	/* whether it is compressed is seen when it is read: the type need not tell */
	if (descriptor_of(im, path, OCI_LAYER, &d, err) < 0)
		return -1;
	return json_array_append_new(list, oci_descriptor_json(&d)) < 0 ? error_set(err, ENOMEM, "image") : 0;
}

static int docker_manifest(struct import *im, const json_t *image, struct oci_descriptor *out, struct error *err)
{
	const char *config_path = json_string_value(json_object_get(image, "Config"));
	const json_t *layers = json_object_get(image, "Layers"), *layer;
	_cleanup_descriptor_ struct oci_descriptor config = { 0 };
	_cleanup_free_ char *text = NULL;
	json_t *root, *list = json_array();
	size_t i;

	if (!config_path || !json_is_array(layers) || descriptor_of(im, config_path, OCI_CONFIG, &config, err) < 0) {
		json_decref(list);
		return config_path && json_is_array(layers) ? -1 : error_say(err, EBADMSG, "no Config and Layers");
	}
	json_array_foreach (layers, i, layer)
		if (!json_is_string(layer) || append_descriptor(im, list, json_string_value(layer), err) < 0) {
			json_decref(list);
			return json_is_string(layer) ? -1 : error_say(err, EBADMSG, "Layers[%zu] is no string", i);
		}
	root = json_pack("{s:i, s:s, s:o, s:o}", "schemaVersion", 2, "mediaType", OCI_MANIFEST, "config",
			 oci_descriptor_json(&config), "layers", list);
	text = root ? json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	json_decref(root);
	out->media_type = strdup(OCI_MANIFEST);
	if (!text || !out->media_type)
		return error_set(err, ENOMEM, "image");
	return store_add_blob(im->store, text, strlen(text), out, err);
}

static int docker_image(struct import *im, const json_t *image, struct error *err)
{
	_cleanup_descriptor_ struct oci_descriptor d = { 0 };
	const json_t *tags = json_object_get(image, "RepoTags"), *tag;
	size_t i;

	if (docker_manifest(im, image, &d, err) < 0)
		return -1;
	if (im->name)
		return list_as(im, im->name, &d, err);
	if (!json_array_size(tags))
		return error_say(err, EINVAL, "it does not say what its image is called: give it with --name NAME");
	json_array_foreach (tags, i, tag)
		if (!json_is_string(tag) || list_as(im, json_string_value(tag), &d, err) < 0)
			return json_is_string(tag) ? -1 : error_say(err, EBADMSG, "RepoTags[%zu] is no string", i);
	return 0;
}

static int finish_docker(struct import *im, struct error *err)
{
	json_error_t at;
	json_t *root = oci_json_bounded(buf_bytes(&im->manifest), im->manifest.len)
		? json_loadb((char *)buf_bytes(&im->manifest), im->manifest.len, 0, &at)
		: NULL;
	size_t n = json_array_size(root);
	int r = 0;

	if (!n)
		r = error_say(err, EBADMSG, "manifest.json is no list of images, or a very long one");
	else if (im->name && n != 1)
		r = error_say(err, EINVAL, "there are %zu images in it: a name can be given to one only", n);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = docker_image(im, json_array_get(root, i), err);
	json_decref(root);
	return r;
}

/* --- the archive --- */

static int keep_text(struct archive *a, struct buf *out, struct error *err)
{
	if (a->tar.entry.size > OCI_JSON_MAX)
		return error_say(err, EFBIG, "%s of %llu bytes: more than %u MiB", a->tar.entry.path,
				 (unsigned long long)a->tar.entry.size, OCI_JSON_MAX >> 20);
	buf_clear(out);
	for (;;) {
		uint8_t *room = buf_reserve(out, 65536);
		ssize_t r = room ? archive_read(a, room, 65536, err) : error_set(err, ENOMEM, "importing");

		if (r <= 0)
			return (int)r;
		buf_commit(out, (size_t)r);
	}
}

/* Stores the entry's content; its path in a layout says the digest it must have. */
static int keep_blob(struct import *im, struct archive *a, const char *path, const char *digest, struct error *err)
{
	_cleanup_blob_writer_ struct blob_writer w = BLOB_WRITER_INIT;
	_cleanup_descriptor_ struct oci_descriptor d = { 0 };
	_cleanup_free_ uint8_t *chunk = malloc(64 << 10);
	ssize_t r;

	if (!chunk)
		return error_set(err, ENOMEM, "importing");
	if (blob_begin_as(im->store, &w, digest ? digest : "sha256:", err) < 0)
		return -1;
	while ((r = archive_read(a, chunk, 64 << 10, err)) > 0)
		if (sink_write(w.sink, chunk, (size_t)r, err) < 0)
			return -1;
	if (r < 0)
		return -1;
	if (digest && sink_finish(w.sink, err) == 0 && !str_eq(sink_digest_text(w.sink), digest))
		return error_say(err, EBADMSG, "%s does not have the digest that its name says (it is damaged)", path);
	if (blob_commit(&w, &d, err) < 0)
		return -1;
	if (json_object_set_new(im->files, path,
				json_pack("{s:s, s:I}", "digest", d.digest, "size", (json_int_t)d.size)) < 0)
		return error_set(err, ENOMEM, "importing");
	return 0;
}

/* "blobs/sha256/HEX", "blobs/sha512/HEX": the digest, else NULL. */
static char *layout_digest(const char *path)
{
	char *digest;

	if (!str_starts(path, "blobs/sha256/") && !str_starts(path, "blobs/sha512/"))
		return NULL;
	digest = str_format("%.6s:%s", path + strlen("blobs/"), path + strlen("blobs/sha256/"));
	if (digest && !digest_valid(digest)) {
		free(digest);
		return NULL;
	}
	return digest;
}

static int import_member(struct import *im, struct archive *a, struct error *err)
{
	const struct tar_entry *e = &a->tar.entry;
	const char *relative = e->path;
	_cleanup_free_ char *path = NULL, *digest = NULL;

	while (*relative == '/' || str_starts(relative, "./"))
		relative++;
	path = strdup(relative);
	digest = path ? layout_digest(path) : NULL;
	if (!path)
		return error_set(err, ENOMEM, "importing");
	if (json_object_size(im->files) > FILES_MAX)
		return error_say(err, E2BIG, "more than %d files", FILES_MAX);
	if ((e->type == TAR_SYMLINK || e->type == TAR_LINK) && *e->target)
		return json_object_set_new(im->files, path, json_string(e->target)) < 0
			? error_say(err, EBADMSG, "%.100s: strange link", path)
			: 0;
	if (e->type != TAR_FILE)
		return 0;
	if (str_eq(path, "index.json"))
		return keep_text(a, &im->index, err);
	if (str_eq(path, "manifest.json"))
		return keep_text(a, &im->manifest, err);
	if (digest || str_ends(path, ".tar") || str_ends(path, ".tar.gz") || str_ends(path, ".json") ||
	    str_starts(path, "sha256:"))
		return keep_blob(im, a, path, digest, err);
	return 0;
}

static struct stream *stdin_open(struct source *src, struct error *err)
{
	int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);

	(void)src;
	if (fd < 0) {
		error_set(err, errno, "standard input");
		return NULL;
	}
	return stream_from_fd(fd, err);
}

static void stdin_free(struct source *src)
{
	(void)src;
}

static int import_archive(struct import *im, const char *path, struct error *err)
{
	struct source standard = { stdin_open, stdin_free, 1 };
	_cleanup_archive_ struct archive a = { 0 };
	bool piped = str_eq(path, "-");
	struct source *source = piped ? &standard : source_from_file(path, err);
	int r = source ? archive_open(&a, source, piped ? "standard input" : path, err) : -1;

	source_unref(source);
	if (r < 0)
		return -1;
	while ((r = archive_next(&a, err)) > 0)
		if (import_member(im, &a, err) < 0)
			return error_wrap(err, "%s", a.what);
	return r < 0 ? -1 : archive_finish(&a, err);
}

/* --- a layout directory --- */

static int copy_blob(struct import *im, const char *dir, const char *digest, struct error *err)
{
	_cleanup_blob_writer_ struct blob_writer w = BLOB_WRITER_INIT;
	_cleanup_descriptor_ struct oci_descriptor d = { 0 };
	_cleanup_free_ char *path = str_format("%s/blobs/%.6s/%s", dir, digest, digest + 7);
	_cleanup_free_ uint8_t *chunk = malloc(64 << 10);
	_cleanup_stream_ struct stream *file = NULL;
	ssize_t r;

	if (store_good_blob(im->store, digest, UINT64_MAX))
		return 0;
	if (!path || !chunk)
		return error_set(err, ENOMEM, "importing");
	file = stream_from_file(path, err);
	file = file ? stream_verify(file, digest, UINT64_MAX, path, err) : NULL;
	if (!file || blob_begin_as(im->store, &w, digest, err) < 0)
		return -1;
	while ((r = file->read(file, chunk, 64 << 10, err)) > 0)
		if (sink_write(w.sink, chunk, (size_t)r, err) < 0)
			return -1;
	return r < 0 ? -1 : blob_commit(&w, &d, err);
}

/* Blobs of one kind of digest. */
static int import_blobs(struct import *im, const char *dir, const char *kind, struct error *err)
{
	_cleanup_free_ char *blobs = str_format("%s/blobs/%s", dir, kind);
	_cleanup_closedir_ DIR *list = NULL;
	struct dirent *entry;

	if (!blobs)
		return error_set(err, ENOMEM, "%s", dir);
	list = opendir(blobs);
	if (!list)
		return errno == ENOENT ? 0 : error_set(err, errno, "%s", blobs);
	while ((entry = readdir(list))) {
		_cleanup_free_ char *digest = str_format("%s:%s", kind, entry->d_name);

		if (!digest)
			return error_set(err, ENOMEM, "%s", dir);
		if (digest_valid(digest) && copy_blob(im, dir, digest, err) < 0)
			return -1;
	}
	return 0;
}

static int import_directory(struct import *im, const char *dir, struct error *err)
{
	_cleanup_free_ char *index = str_format("%s/index.json", dir);

	if (!index)
		return error_set(err, ENOMEM, "%s", dir);
	if (file_read(index, OCI_JSON_MAX, &im->index, err) < 0)
		return error_wrap(err, "%s is no OCI image layout", dir);
	if (import_blobs(im, dir, "sha256", err) < 0)
		return -1;
	return import_blobs(im, dir, "sha512", err);
}

int image_import(struct store *s, const char *path, const struct import_options *how, struct imported *out,
		 struct error *err)
{
	_cleanup_(import_clear) struct import im = { .store = s,
						     .name = how->name,
						     .replace = how->replace,
						     .files = json_object(),
						     .checked = json_object(),
						     .listed = json_object(),
						     .out = out };
	_cleanup_progress_ struct progress progress = { 0 };
	struct stat st;
	int r;

	*out = (struct imported){ 0 };
	if (!im.files || !im.checked || !im.listed)
		return error_set(err, ENOMEM, "importing");
	if (!str_eq(path, "-") && stat(path, &st) < 0)
		return error_set(err, errno, "%s", path);
	progress_begin(&progress, PROGRESS_READS, !str_eq(path, "-") && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0,
		       "importing %s", path);
	r = !str_eq(path, "-") && S_ISDIR(st.st_mode) ? import_directory(&im, path, err)
						      : import_archive(&im, path, err);
	progress_end(&progress);
	if (r < 0)
		return -1;
	if (im.index.len)
		r = finish_oci(&im, err);
	else if (im.manifest.len)
		r = finish_docker(&im, err);
	else
		r = error_say(err, EINVAL,
			      "neither an OCI image layout nor a docker archive: no index.json, no manifest.json");
	if (r == 0)
		r = set_names(&im, err);
	return r < 0 ? error_wrap(err, "%s", path) : 0;
}
