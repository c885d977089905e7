/* Reading what is imported. An archive is read once, from front to end, so that it may come through a pipe. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive.h"
#include "import_private.h"
#include "io.h"
#include "str.h"

enum { FILES_MAX = 65536 };

static int member_keep_text(struct archive *a, struct buf *out, struct error *err)
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
static int member_keep_blob(struct import *im, struct archive *a, const char *path, const char *digest,
			    struct error *err)
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
		return member_keep_text(a, &im->index, err);
	if (str_eq(path, "manifest.json"))
		return member_keep_text(a, &im->manifest, err);
	if (digest || str_ends(path, ".tar") || str_ends(path, ".tar.gz") || str_ends(path, ".json") ||
	    str_starts(path, "sha256:"))
		return member_keep_blob(im, a, path, digest, err);
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

int import_read_archive(struct import *im, const char *path, struct error *err)
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

static int blob_copy(struct import *im, const char *dir, const char *digest, struct error *err)
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
static int import_read_blobs(struct import *im, const char *dir, const char *kind, struct error *err)
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
		if (digest_valid(digest) && blob_copy(im, dir, digest, err) < 0)
			return -1;
	}
	return 0;
}

int import_read_directory(struct import *im, const char *dir, struct error *err)
{
	_cleanup_free_ char *index = str_format("%s/index.json", dir);

	if (!index)
		return error_set(err, ENOMEM, "%s", dir);
	if (file_read(index, OCI_JSON_MAX, &im->index, err) < 0)
		return error_wrap(err, "%s is no OCI image layout", dir);
	if (import_read_blobs(im, dir, "sha256", err) < 0)
		return -1;
	return import_read_blobs(im, dir, "sha512", err);
}
