/* The cache: an OCI image layout directory (image-spec 1.1, image-layout.md), with the annotations of LinuxKit's
 * cache, so that either tool reads the other's.
 *
 *   oci-layout    {"imageLayoutVersion":"1.0.0"}
 *   index.json    one descriptor a name; its annotation org.opencontainers.image.ref.name is the full reference
 *                 ("docker.io/library/redis:7"); replaced by rename, under the lock
 *   plain/        layers without their compression (plain.h)
 *   blobs/sha256/ content by digest; written under a temporary name, digest known when it is renamed
 *   .lock         flock(2) held while index.json is read and replaced
 *   .users        flock(2), shared, held by everybody who has the store open; exclusive to remove blobs
 *
 * Both lock files can be opened only by users who may change the directory: other users cannot block the cache.
 *
 * Blobs are never believed: every read computes the digest and fails when it differs. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "error.h"
#include "image_json.h"
#include "outfile.h"
#include "ref.h"
#include "sink.h"
#include "stream.h"

struct store;

/* Opens the layout at `dir`, NULL for the default: what store_set_default() was given, else $PITH_CACHE or
 * $LINUXKIT_CACHE, else build/cache of the tree when this program is the tree's build/host/pith, else ~/.pith/cache.
 * Missing directories and files are made. NULL on failure. */
struct store *store_open(const char *dir, struct error *err);
void store_close(struct store *s); /* NULL is fine */
static inline void cleanup_store(struct store **s)
{
	store_close(*s);
}
#define _cleanup_store_ _cleanup_(cleanup_store)

/* For --cache of the command line; the string is kept, not copied. NULL: no choice. */
void store_set_default(const char *dir);
const char *store_path(const struct store *s);

/* --- blobs --- */
/* There is a file of that name. */
bool store_has_blob(struct store *s, const char *digest);
/* The blob is undamaged: reads it whole. A caller that has the blob to store asks this before it leaves it out. */
bool store_good_blob(struct store *s, const char *digest, uint64_t size);
/* A stream that fails at its end when size (UINT64_MAX: unknown) or digest are wrong. NULL on failure; ENOENT when the
 * blob is not there. */
struct stream *store_open_blob(struct store *s, const char *digest, uint64_t size, struct error *err);
/* The same as a source, which must not outlive the store. */
struct source *store_blob_source(struct store *s, const char *digest, uint64_t size, struct error *err);
/* A whole small one (JSON), at most max bytes, appended to out, verified. */
int store_read_blob(struct store *s, const char *digest, uint64_t size, size_t max, struct buf *out, struct error *err);
/* Stores n bytes; digest and size into *desc (its other fields untouched). */
int store_add_blob(struct store *s, const void *data, size_t n, struct oci_descriptor *desc, struct error *err);

/* A blob of unknown length: write into `sink`, then commit, which replaces what has the digest's name: it may be
 * damaged. */
struct blob_writer {
	struct sink *sink;
	/* private */
	struct sink *file;
	struct outfile out;
	struct store *store;
};
#define BLOB_WRITER_INIT            \
	{                           \
		.out = OUTFILE_INIT \
	}
#define _cleanup_blob_writer_ _cleanup_(blob_discard)
int blob_begin(struct store *s, struct blob_writer *w, struct error *err);
/* A blob whose digest is of the kind of `digest`: one of sha512 keeps the name it came with. */
int blob_begin_as(struct store *s, struct blob_writer *w, const char *digest, struct error *err);
int blob_commit(struct blob_writer *w, struct oci_descriptor *desc, struct error *err);
void blob_discard(struct blob_writer *w);

/* --- names --- */
/* The descriptor a reference stands for (media type, digest, size, platform, annotations); by digest where the
 * reference has one, else by name and tag ("latest" by default). -1 with code ENOENT when the cache has none: the
 * caller may pull it then. The caller frees it with oci_descriptor_clear(). */
int store_find(struct store *s, const struct ref *ref, struct oci_descriptor *out, struct error *err);
/* Lists `desc` under `name` ("docker.io/pith/init:latest"), replacing what was there under that name. */
int store_set_name(struct store *s, const char *name, const struct oci_descriptor *desc, struct error *err);
/* -1 with ENOENT when there is no such name. Blobs stay: see store_collect(). */
int store_remove_name(struct store *s, const char *name, struct error *err);
/* Several at once; those that are not there are fine. */
int store_remove_names(struct store *s, char *const *names, size_t count, struct error *err);
/* Removes all names, also from an index.json that cannot be read. */
int store_remove_all(struct store *s, struct error *err);

/* A name, and what it shall stand for. */
struct store_change {
	const char *name;
	const struct oci_descriptor *desc;
	char *was; /* filled: the digest that it stood for where that was another, else NULL; the caller frees it */
};
/* Where a name came from, which the index keeps, and only it. */
#define ANNOTATION_ORIGIN "org.pith.origin"
#define ORIGIN_IMPORT     "import"
#define ORIGIN_REGISTRY   "registry"
#define ORIGIN_DOCKER     "docker"
#define ORIGIN_PACKAGE    "package " /* and the folder's real path */

enum store_claim {
	CLAIM_ANY, /* replaces any image of that name */
	CLAIM_OWN, /* replaces an image of the same origin, of an unknown one, or of a folder that is gone */
	CLAIM_NEW, /* replaces no image */
};
/* Lists them all, or none: -1 with EEXIST when one may not be replaced. A name that stands for that digest already
 * keeps its origin. */
int store_set_names(struct store *s, struct store_change *changes, size_t count, const char *origin,
		    enum store_claim claim, struct error *err);

struct store_entry {
	char *name;
	struct oci_descriptor desc;
};
/* All names, sorted. */
int store_list(struct store *s, struct store_entry **out, size_t *count, struct error *err);
void store_list_free(struct store_entry *entries, size_t count);

/* Removes the blobs that no name reaches any more; counts into *blobs and *bytes where not NULL. -1 with EBUSY when
 * another program has the store open (it may be about to name what it has written), with EBADMSG when a document is
 * damaged: it cannot be told then which blobs its image needs. */
int store_collect(struct store *s, uint64_t *blobs, uint64_t *bytes, struct error *err);
