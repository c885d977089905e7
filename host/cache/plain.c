/* Making, finding and removing layers without their compression.
 *
 *   store_layer_source()
 *     plain_find()     what is there: its content is compared with its digest (plain_check), and goes where it differs
 *     plain_make()     else the blob is decompressed into a file without a name, which gets its name when it is right
 *     plain_evict()    and what was not used for the longest time makes room for it
 *   plain_open()       each time that the layer is read: without another look at the content as long as the file is as
 *                      it was when it was looked at (struct stamp)
 *
 * Several builds may do all this at once. A file that somebody removes stays readable for whoever has it open, and who
 * opens it later gets the blob. */
#include "plain.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "io.h"
#include "store_private.h"
#include "str.h"

#define SHA256 "sha256:"

/* A blob that is smaller is decompressed in no time. */
enum { SMALL = 64 << 10, PART = 64 << 10 };

/* --- the folder --- */

/* -1 where there is none and none can be made. */
static int folder_open(const struct store *s, bool make)
{
	_cleanup_free_ char *path = str_format("%s/plain", s->dir);
	int fd = path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW) : -1;

	if (fd >= 0 || !path || errno != ENOENT || !make || mkdir(path, 0755) < 0)
		return fd;
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

struct held {
	char name[65];
	uint64_t size;
	struct timespec used; /* the file's time */
};

static int by_use(const void *a, const void *b)
{
	const struct held *x = a, *y = b;

	if (x->used.tv_sec != y->used.tv_sec)
		return x->used.tv_sec < y->used.tv_sec ? -1 : 1;
	return x->used.tv_nsec < y->used.tv_nsec ? -1 : x->used.tv_nsec > y->used.tv_nsec;
}

/* What is there, the longest unused first; the caller frees it, also after a failure. -1 without memory. */
static int folder_list(int folder, struct held **out, size_t *count)
{
	_cleanup_close_ int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	struct stat st;

	*out = NULL;
	*count = 0;
	if (dir)
		steal_fd(&fd); /* it is closed with the folder */
	while (dir && (e = readdir(dir))) {
		struct held *grown;

		if (strlen(e->d_name) != 64 || fstatat(folder, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		grown = reallocarray(*out, *count + 1, sizeof(*grown));
		if (!grown)
			return -1;
		*out = grown;
		grown[*count] = (struct held){ .size = (uint64_t)st.st_size, .used = st.st_mtim };
		strcpy(grown[(*count)++].name, e->d_name);
	}
	if (*count)
		qsort(*out, *count, sizeof(**out), by_use);
	return 0;
}

/* False: the user says nothing of how much it may be. */
static bool plain_asked(uint64_t *max)
{
	const char *text = getenv("PITH_CACHE_PLAIN");

	return text && str_to_size(text, 1, max) == 0;
}

/* Bytes that all of them may take, of which `used` are taken. What a build writes needs room as well. */
static uint64_t folder_limit(int folder, uint64_t used)
{
	struct statvfs fs;
	uint64_t max, all;

	if (plain_asked(&max))
		return max;
	if (fstatvfs(folder, &fs) < 0)
		return 0;
	all = (uint64_t)fs.f_bavail * fs.f_frsize + used;
	all = all > PLAIN_SPARED ? (all - PLAIN_SPARED) / 4 : 0;
	return all < PLAIN_MAX ? all : PLAIN_MAX;
}

/* This build, or one that began later, has used it. */
static bool is_in_use(const struct store *s, const struct held *h)
{
	return h->used.tv_sec >= s->opened;
}

/* How large one more may be. */
static uint64_t folder_room(const struct store *s, int folder)
{
	_cleanup_free_ struct held *list = NULL;
	uint64_t all = 0, kept = 0, limit;
	size_t count;

	if (folder_list(folder, &list, &count) < 0)
		return 0;
	for (size_t i = 0; i < count; i++) {
		all += list[i].size;
		kept += is_in_use(s, &list[i]) ? list[i].size : 0;
	}
	limit = folder_limit(folder, all);
	return limit > kept ? limit - kept : 0;
}

static void plain_evict(const struct store *s, int folder)
{
	_cleanup_free_ struct held *list = NULL;
	uint64_t all = 0, limit;
	size_t count;

	if (folder_list(folder, &list, &count) < 0)
		return;
	for (size_t i = 0; i < count; i++)
		all += list[i].size;
	limit = folder_limit(folder, all);
	for (size_t i = 0; i < count && all > limit && !is_in_use(s, &list[i]); i++)
		if (unlinkat(folder, list[i].name, 0) == 0)
			all -= list[i].size;
}

/* Also a folder that somebody has put there. */
static int held_remove(const struct store *s, int folder, const char *name, struct error *err)
{
	_cleanup_free_ char *path = str_format("%s/plain/%s", s->dir, name);

	if (!path)
		return error_set(err, ENOMEM, "image cache");
	if (unlinkat(folder, name, 0) == 0 || errno == ENOENT)
		return 0;
	return errno == EISDIR ? dir_remove(path, err) : error_set(err, errno, "%s", path);
}

int plain_remove_all(struct store *s, uint64_t *bytes, struct error *err)
{
	_cleanup_close_ int folder = folder_open(s, false);
	_cleanup_free_ struct held *list = NULL;
	size_t count;

	if (folder < 0)
		return 0;
	if (folder_list(folder, &list, &count) < 0)
		return error_set(err, ENOMEM, "image cache");
	for (size_t i = 0; i < count; i++) {
		if (held_remove(s, folder, list[i].name, err) < 0)
			return -1;
		*bytes += list[i].size;
	}
	return 0;
}

/* --- one of them --- */

/* A file that still has this has not been written to. */
struct stamp {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec changed;
};

struct layer_source {
	struct source base;
	struct store *store;
	struct source *blob;
	struct stamp stamp;
	char name[65];                    /* of the file: the digits of the blob's digest */
	char digest[sizeof(SHA256) + 64]; /* of the archive */
};

static bool stamp_of(int fd, struct stamp *out)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	*out = (struct stamp){ st.st_dev, st.st_ino, st.st_size, st.st_ctim };
	return true;
}

static bool stamp_same(const struct stamp *a, const struct stamp *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->changed.tv_sec == b->changed.tv_sec &&
		a->changed.tv_nsec == b->changed.tv_nsec;
}

/* -1: there is no regular file of that name. */
static int file_open(const struct layer_source *l, int folder)
{
	_cleanup_close_ int fd = openat(folder, l->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stamp stamp;

	return fd >= 0 && stamp_of(fd, &stamp) ? steal_fd(&fd) : -1;
}

/* Its content is right; then l->stamp is taken, and it counts as used now. */
static bool plain_check(struct layer_source *l, int fd)
{
	_cleanup_stream_ struct stream *s = NULL;
	int copy;

	futimens(fd, NULL); /* of somebody else's cache that cannot be said */
	if (!stamp_of(fd, &l->stamp))
		return false;
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	s = copy < 0 ? NULL : stream_from_fd(copy, NULL);
	s = s ? stream_verify(s, l->digest, UINT64_MAX, l->digest, NULL) : NULL;
	return s && stream_drain(s, NULL) == 0;
}

static bool plain_find(struct layer_source *l, int folder)
{
	_cleanup_close_ int fd = file_open(l, folder);

	if (fd >= 0 && plain_check(l, fd))
		return true;
	l->stamp = (struct stamp){ 0 };
	unlinkat(folder, l->name, 0); /* most often there is none */
	return false;
}

/* From the blob into a file; `room` bytes at most. False: for whatever reason. */
static bool plain_fill(struct layer_source *l, int fd, uint64_t room)
{
	_cleanup_stream_ struct stream *blob = l->blob->open(l->blob, NULL), *in = NULL;
	_cleanup_sink_ struct sink *out = sink_to_fd(fd, "the image cache", NULL), *sum = NULL;
	_cleanup_free_ uint8_t *part = malloc(PART);
	ssize_t n = -1;

	in = blob ? stream_unzip(steal_ptr(&blob), NULL) : NULL;
	sum = out ? sink_digest(out, NULL) : NULL;
	if (!in || !sum || !part)
		return false;
	while ((n = in->read(in, part, PART, NULL)) > 0) {
		if ((uint64_t)n > room || sink_write(sum, part, (size_t)n, NULL) < 0)
			return false;
		room -= (uint64_t)n;
	}
	return n == 0 && sink_finish(sum, NULL) == 0 && sink_finish(out, NULL) == 0 &&
		str_eq(sink_digest_text(sum), l->digest);
}

/* It is not brought to the disk: who finds it looks at its content. */
static void plain_make(struct layer_source *l, int folder)
{
	_cleanup_close_ int fd = -1;
	uint64_t room = folder_room(l->store, folder);
	char proc[40];

	if (room)
		fd = openat(folder, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0644);
	if (fd < 0 || !plain_fill(l, fd, room))
		return;
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	if (linkat(AT_FDCWD, proc, folder, l->name, AT_SYMLINK_FOLLOW) == 0 && stamp_of(fd, &l->stamp))
		plain_evict(l->store, folder);
}

static struct stream *plain_open(struct source *base, struct error *err)
{
	struct layer_source *l = (struct layer_source *)base;
	_cleanup_close_ int folder = folder_open(l->store, false), fd = folder < 0 ? -1 : file_open(l, folder);
	struct stream *s;
	struct stamp now;
	bool same;

	if (fd < 0 || !l->stamp.ino) /* one that was not right for this layer is another one's */
		return l->blob->open(l->blob, err);
	same = stamp_of(fd, &now) && stamp_same(&now, &l->stamp);
	posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	s = stream_from_fd(steal_fd(&fd), err);
	return !s || same ? s : stream_verify(s, l->digest, UINT64_MAX, l->digest, err);
}

static void layer_free(struct source *base)
{
	source_unref(((struct layer_source *)base)->blob);
	free(base);
}

/* Takes the blob's source. */
static struct layer_source *layer_new(struct store *s, struct source *blob, const char *digest, const char *plain)
{
	struct layer_source *l = calloc(1, sizeof(*l));

	if (!l) {
		source_unref(blob);
		return NULL;
	}
	l->base = (struct source){ .open = plain_open, .free = layer_free, .refs = 1 };
	l->store = s;
	l->blob = blob;
	strcpy(l->name, digest + strlen(SHA256));
	strcpy(l->digest, plain);
	return l;
}

struct source *store_layer_source(struct store *s, const char *digest, uint64_t size, const char *plain,
				  struct error *err)
{
	struct source *blob = store_blob_source(s, digest, size, err);
	_cleanup_close_ int folder = -1;
	struct layer_source *l;
	uint64_t max;

	if (!blob || size < SMALL || !plain || str_eq(plain, digest) || !str_starts(digest, SHA256) ||
	    !str_starts(plain, SHA256) || !digest_valid(plain) || (plain_asked(&max) && !max) ||
	    !store_has_blob(s, digest))
		return blob;
	folder = folder_open(s, true);
	if (folder < 0)
		return blob;
	l = layer_new(s, blob, digest, plain);
	if (!l) {
		error_set(err, ENOMEM, "image cache");
		return NULL;
	}
	if (!plain_find(l, folder))
		plain_make(l, folder);
	return &l->base;
}
