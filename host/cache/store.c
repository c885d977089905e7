/* The layout directory: opening, the lock, blobs. Names are in names.c. */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "io.h"
#include "lock.h"
#include "store_private.h"
#include "str.h"

static const char *chosen_dir;

void store_set_default(const char *dir)
{
	chosen_dir = dir;
}

const char *store_path(const struct store *s)
{
	return s->dir;
}

/* build/cache, when this program is build/host/pith of the tree (the Makefile is its mark). */
static char *tree_dir(void)
{
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	_cleanup_free_ char *makefile = NULL;
	static const char tail[] = "/build/host/pith";

	if (n < 0)
		return NULL;
	exe[n] = 0;
	if (!str_ends(exe, tail))
		return NULL;
	exe[(size_t)n - strlen(tail)] = 0;
	makefile = str_format("%s/Makefile", exe);
	if (!makefile || access(makefile, F_OK) < 0)
		return NULL;
	return str_format("%s/build/cache", exe);
}

static char *default_dir(struct error *err)
{
	const char *env = getenv("PITH_CACHE"), *linuxkit = getenv("LINUXKIT_CACHE"), *home = getenv("HOME");
	char *dir;

	if (chosen_dir)
		return strdup(chosen_dir);
	if (env && *env)
		return strdup(env);
	if (linuxkit && *linuxkit) /* the same layout with the same names */
		return strdup(linuxkit);
	dir = tree_dir();
	if (dir)
		return dir;
	if (!home || home[0] != '/') {
		error_set(err, 0, "no place for the image cache: HOME is not set; name one with --cache DIR");
		return NULL;
	}
	return str_format("%s/.pith/cache", home);
}

/* The cache of somebody else, or of a tree that is installed: there are other places. */
static int store_refused(const struct store *s, struct error *err)
{
	if (err && (err->code == EACCES || err->code == EPERM || err->code == EROFS))
		return error_set(err, err->code,
				 "image cache %s: this user cannot write there: name another one with --cache DIR or "
				 "PITH_CACHE=DIR",
				 s->dir);
	return error_wrap(err, "image cache");
}

static int make_file(const char *dir, const char *name, const char *text, struct error *err)
{
	_cleanup_free_ char *path = str_format("%s/%s", dir, name);

	if (!path)
		return error_set(err, ENOMEM, "%s", dir);
	if (access(path, F_OK) == 0)
		return 0;
	return file_write(path, text, strlen(text), 0644, err);
}

/* Under the lock: two programs may open a new cache at once. */
static int make_layout(struct store *s, struct error *err)
{
	_cleanup_free_ char *blobs = str_format("%s/blobs/sha256", s->dir);
	int lock, r;

	if (!blobs)
		return error_set(err, ENOMEM, "%s", s->dir);
	if (dir_make(blobs, 0755, err) < 0)
		return store_refused(s, err);
	lock = store_lock(s, err);
	if (lock < 0)
		return -1;
	r = make_file(s->dir, "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}", err);
	if (r == 0)
		r = make_file(s->dir, "index.json",
			      "{\"schemaVersion\":2,\"mediaType\":\"" OCI_INDEX "\",\"manifests\":[]}", err);
	close(lock);
	return r < 0 ? store_refused(s, err) : 0;
}

/* A cache that cannot be written to cannot be collected either: no lock is needed then. */
static void join_users(struct store *s)
{
	s->users = cache_lock(s->dir, ".users", LOCK_SH, NULL);
}

struct store *store_open(const char *dir, struct error *err)
{
	struct store *s = calloc(1, sizeof(*s));
	_cleanup_free_ char *index = NULL;

	if (!s) {
		error_set(err, ENOMEM, "image cache");
		return NULL;
	}
	s->users = -1;
	s->opened = time(NULL);
	s->dir = dir ? strdup(dir) : default_dir(err);
	if (!s->dir) {
		store_close(s);
		return NULL;
	}
	index = str_format("%s/index.json", s->dir);
	if (!index || (access(index, F_OK) < 0 && make_layout(s, err) < 0)) {
		store_close(s);
		return NULL;
	}
	join_users(s);
	return s;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	cleanup_close(&s->users);
	free(s->dir);
	free(s);
}

int store_lock(struct store *s, struct error *err)
{
	return cache_lock(s->dir, ".lock", LOCK_EX, err);
}

/* --- blobs --- */

/* digest is valid: its parts are safe as file names */
static char *blob_path(struct store *s, const char *digest)
{
	return digest_valid(digest) ? str_format("%s/blobs/%.6s/%s", s->dir, digest, digest + 7) : NULL;
}

bool store_has_blob(struct store *s, const char *digest)
{
	_cleanup_free_ char *path = blob_path(s, digest);
	struct stat st;

	return path && stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, R_OK) == 0;
}

bool store_good_blob(struct store *s, const char *digest, uint64_t size)
{
	_cleanup_stream_ struct stream *stream = store_open_blob(s, digest, size, NULL);

	return stream && stream_drain(stream, NULL) == 0;
}

struct stream *store_open_blob(struct store *s, const char *digest, uint64_t size, struct error *err)
{
	_cleanup_free_ char *path = blob_path(s, digest);
	struct stream *file;
	struct stat st;
	int fd;

	if (!path) {
		error_say(err, EINVAL, "bad digest");
		return NULL;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))) {
		close(fd);
		error_say(err, EBADMSG, "%s: no regular file (it is damaged)", path);
		return NULL;
	}
	if (fd < 0) {
		if (errno == ENOENT)
			error_say(err, ENOENT, "blob %s is not in the image cache (%s)", digest, s->dir);
		else
			error_set(err, errno, "%s", path);
		return NULL;
	}
	posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	file = stream_from_fd(fd, err);
	return file ? stream_verify(file, digest, size, path, err) : NULL;
}

int store_read_blob(struct store *s, const char *digest, uint64_t size, size_t max, struct buf *out, struct error *err)
{
	_cleanup_stream_ struct stream *stream = NULL;

	if (size != UINT64_MAX && size > max)
		return error_say(err, EFBIG, "blob %s has %llu bytes: a document of an image may have %zu", digest,
				 (unsigned long long)size, max);
	stream = store_open_blob(s, digest, size, err);
	if (!stream)
		return -1;
	return stream_read_all(stream, max, out, err) < 0 ? error_wrap(err, "blob %s", digest) : 0;
}

struct blob_source {
	struct source base;
	struct store *store;
	uint64_t size;
	char digest[];
};

static struct stream *blob_source_open(struct source *base, struct error *err)
{
	struct blob_source *src = (struct blob_source *)base;

	return store_open_blob(src->store, src->digest, src->size, err);
}

static void blob_source_free(struct source *base)
{
	free(base);
}

struct source *store_blob_source(struct store *s, const char *digest, uint64_t size, struct error *err)
{
	struct blob_source *src = malloc(sizeof(*src) + strlen(digest) + 1);

	if (!src) {
		error_set(err, ENOMEM, "blob %s", digest);
		return NULL;
	}
	src->base = (struct source){ .open = blob_source_open, .free = blob_source_free, .refs = 1 };
	src->store = s;
	src->size = size;
	strcpy(src->digest, digest);
	return &src->base;
}

int blob_begin_as(struct store *s, struct blob_writer *w, const char *digest, struct error *err)
{
	_cleanup_free_ char *dir = str_format("%s/blobs/%.6s", s->dir, digest);
	/* its name is known at the end; until then it is a file of the right directory */
	_cleanup_free_ char *path = dir ? str_format("%s/new", dir) : NULL;

	*w = (struct blob_writer)BLOB_WRITER_INIT;
	w->store = s;
	if (!path)
		return error_set(err, ENOMEM, "image cache");
	if (dir_make(dir, 0755, err) < 0 || outfile_open(&w->out, path, err) < 0)
		return store_refused(s, err);
	w->file = sink_to_fd(w->out.fd, "the image cache", err);
	w->sink = w->file ? sink_digest_as(w->file, digest, err) : NULL;
	if (!w->sink) {
		blob_discard(w);
		return -1;
	}
	return 0;
}

int blob_begin(struct store *s, struct blob_writer *w, struct error *err)
{
	return blob_begin_as(s, w, "sha256:", err);
}

int blob_commit(struct blob_writer *w, struct oci_descriptor *desc, struct error *err)
{
	char *path = NULL, *digest = NULL;
	struct stat st;
	int r = -1;

	if (sink_finish(w->sink, err) < 0 || sink_finish(w->file, err) < 0)
		goto out;
	digest = strdup(sink_digest_text(w->sink));
	path = digest ? blob_path(w->store, digest) : NULL;
	if (!path) {
		error_set(err, ENOMEM, "image cache");
		goto out;
	}
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode) && dir_remove(path, err) < 0)
		goto out;
	free(w->out.path);
	w->out.path = steal_ptr(&path);
	if (outfile_commit(&w->out, 0644, err) < 0)
		goto out;
	free(desc->digest);
	desc->digest = steal_ptr(&digest);
	desc->size = w->file->written;
	r = 0;
out:
	free(path);
	free(digest);
	blob_discard(w);
	return r;
}

void blob_discard(struct blob_writer *w)
{
	sink_free(w->sink);
	sink_free(w->file);
	w->sink = w->file = NULL;
	outfile_discard(&w->out);
}

int store_add_blob(struct store *s, const void *data, size_t n, struct oci_descriptor *desc, struct error *err)
{
	_cleanup_blob_writer_ struct blob_writer w = BLOB_WRITER_INIT;

	if (blob_begin(s, &w, err) < 0 || sink_write(w.sink, data, n, err) < 0)
		return -1;
	return blob_commit(&w, desc, err);
}
