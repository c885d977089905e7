/* Writing of tar headers: ustar, and a pax header in front of what ustar cannot say. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "str.h"
#include "tar.h"

enum {
	USTAR_ID_MAX = 07777777,
	USTAR_NAME = 100,
	USTAR_PREFIX = 155,
};
#define USTAR_SIZE_MAX 077777777777ULL

/* len digits less one, and a NUL */
static void put_octal(uint8_t *field, size_t len, uint64_t v)
{
	field[--len] = 0;
	while (len) {
		field[--len] = (uint8_t)('0' + (v & 7));
		v >>= 3;
	}
}

static void put_checksum(uint8_t *block)
{
	uint32_t sum = 0;

	memset(block + 148, ' ', 8);
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += block[i];
	put_octal(block + 148, 7, sum);
}

static void put_text(uint8_t *field, size_t max, const char *text, size_t n)
{
	memcpy(field, text, n < max ? n : max);
}

/* Where a long path can be cut into prefix and name: the index of the slash between them, 0 for nowhere. */
static size_t split_at(const char *path, size_t n)
{
	if (n > USTAR_PREFIX + 1 + USTAR_NAME)
		return 0;
	for (size_t i = n - 1; i > 0; i--) /* a slash at the very end belongs to the name */
		if (i <= USTAR_PREFIX && n - i - 1 <= USTAR_NAME && n - i - 1 > 0 && path[i] == '/')
			return i;
	return 0;
}

static int add_record(struct buf *pax, const char *key, const void *value, size_t n)
{
	size_t body = strlen(key) + n + 3; /* blank, '=', newline */
	size_t len = body + 1;

	/* the length counts its own digits */
	for (;;) {
		size_t digits = (size_t)snprintf(NULL, 0, "%zu", len);

		if (len == body + digits)
			break;
		len = body + digits;
	}
	return buf_addf(pax, "%zu %s=", len, key) < 0 || buf_add(pax, value, n) < 0 || buf_addstr(pax, "\n") < 0 ? -1
														 : 0;
}

static int add_text(struct buf *pax, const char *key, const char *text)
{
	return add_record(pax, key, text, strlen(text));
}

static int add_time(struct buf *pax, int64_t sec, uint32_t nsec)
{
	char text[48];
	bool negative = sec < 0;
	uint64_t whole = negative ? (uint64_t)-sec : (uint64_t)sec;

	if (negative && nsec) {
		whole--;
		nsec = 1000000000 - nsec;
	}
	/* all nine digits: mkfs.erofs 1.8 takes what it finds for nanoseconds */
	if (nsec)
		snprintf(text, sizeof(text), "%s%" PRIu64 ".%09" PRIu32, negative ? "-" : "", whole, nsec);
	else
		snprintf(text, sizeof(text), "%s%" PRIu64, negative ? "-" : "", whole);
	return add_text(pax, "mtime", text);
}

static int add_number(struct buf *pax, const char *key, uint64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, v);
	return add_text(pax, key, text);
}

static bool time_fits(const struct tar_entry *e)
{
	return e->mtime >= 0 && (uint64_t)e->mtime <= USTAR_SIZE_MAX && !e->mtime_nsec;
}

/* What does not fit, as pax records. */
static int pax_records(struct buf *pax, const struct tar_entry *e, const char *path, bool path_fits)
{
	if (!path_fits && add_text(pax, "path", path) < 0)
		return -1;
	if (strlen(e->target) > USTAR_NAME && !e->gnu_target && add_text(pax, "linkpath", e->target) < 0)
		return -1;
	if (e->size > USTAR_SIZE_MAX && add_number(pax, "size", e->size) < 0)
		return -1;
	if (e->uid > USTAR_ID_MAX && add_number(pax, "uid", e->uid) < 0)
		return -1;
	if (e->gid > USTAR_ID_MAX && add_number(pax, "gid", e->gid) < 0)
		return -1;
	if (!time_fits(e) && add_time(pax, e->mtime, e->mtime_nsec) < 0)
		return -1;
	if (e->source && (add_text(pax, TAR_SOURCE, e->source) < 0 || add_text(pax, TAR_LOCATION, e->location) < 0))
		return -1;
	for (size_t i = 0; i < e->xattr_count; i++) {
		_cleanup_free_ char *key = str_format("SCHILY.xattr.%s", e->xattrs[i].name);

		if (!key || add_record(pax, key, e->xattrs[i].value, e->xattrs[i].len) < 0)
			return -1;
	}
	return 0;
}

static void ustar_common(uint8_t *block, char type)
{
	block[156] = (uint8_t)type;
	memcpy(block + 257, "ustar\00000", 8);
	put_octal(block + 329, 8, 0);
	put_octal(block + 337, 8, 0);
}

/* A member of metadata: pax records ('x') or GNU's long link name ('K', which counts its NUL). */
static int add_meta(struct buf *out, char type, const char *name, const void *data, size_t n)
{
	static const uint8_t zero[TAR_BLOCK];
	uint8_t block[TAR_BLOCK] = { 0 };

	put_text(block, USTAR_NAME, name, strlen(name));
	put_octal(block + 100, 8, 0644);
	put_octal(block + 108, 8, 0);
	put_octal(block + 116, 8, 0);
	put_octal(block + 124, 12, n);
	put_octal(block + 136, 12, 0);
	ustar_common(block, type);
	put_checksum(block);
	if (buf_add(out, block, sizeof(block)) < 0 || buf_add(out, data, n) < 0)
		return -1;
	return buf_add(out, zero, tar_padding(n));
}

static int add_ustar_header(struct buf *out, const struct tar_entry *e, const char *path, size_t cut)
{
	uint8_t block[TAR_BLOCK] = { 0 };
	size_t n = strlen(path);

	if (cut) {
		put_text(block + 345, USTAR_PREFIX, path, cut);
		put_text(block, USTAR_NAME, path + cut + 1, n - cut - 1);
	} else {
		put_text(block, USTAR_NAME, path, n); /* cut off where the pax header has the whole */
	}
	put_octal(block + 100, 8, e->mode & 07777);
	put_octal(block + 108, 8, e->uid > USTAR_ID_MAX ? 0 : e->uid);
	put_octal(block + 116, 8, e->gid > USTAR_ID_MAX ? 0 : e->gid);
	put_octal(block + 124, 12, e->size > USTAR_SIZE_MAX ? 0 : e->size);
	put_octal(block + 136, 12, e->mtime >= 0 && (uint64_t)e->mtime <= USTAR_SIZE_MAX ? (uint64_t)e->mtime : 0);
	put_text(block + 157, USTAR_NAME, e->target, strlen(e->target));
	ustar_common(block, (char)e->type);
	put_octal(block + 329, 8, e->major);
	put_octal(block + 337, 8, e->minor);
	put_checksum(block);
	return buf_add(out, block, sizeof(block));
}

int tar_write_header(struct buf *out, const struct tar_entry *e, struct error *err)
{
	_cleanup_buf_ struct buf pax = { 0 };
	_cleanup_free_ char *path = str_format(e->type == TAR_DIR ? "%s/" : "%s", e->path);
	size_t n = path ? strlen(path) : 0, cut = 0;
	bool fits;

	if (!path)
		return error_set(err, ENOMEM, "tar header");
	if (e->major > USTAR_ID_MAX || e->minor > USTAR_ID_MAX)
		return error_say(err, ERANGE, "%s: device number", e->path);
	if (n > USTAR_NAME)
		cut = split_at(path, n);
	fits = n <= USTAR_NAME || cut;
	if (e->gnu_target && strlen(e->target) > USTAR_NAME &&
	    add_meta(out, 'K', "././@LongLink", e->target, strlen(e->target) + 1) < 0)
		return error_set(err, ENOMEM, "tar header");
	if (pax_records(&pax, e, path, fits) < 0 ||
	    (pax.len && add_meta(out, 'x', "././@PaxHeader", buf_bytes(&pax), pax.len) < 0) ||
	    add_ustar_header(out, e, path, cut) < 0)
		return error_set(err, ENOMEM, "tar header");
	return 0;
}
