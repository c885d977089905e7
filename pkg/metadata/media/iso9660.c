/* ISO 9660: descriptors from sector 16 on, one of which has the root directory's place; a directory is a run of records
 * that do not cross sectors; the bytes of a record behind its name belong to Rock Ridge. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "volume_private.h"

enum {
	SECTOR = 2048,
	FIRST_DESCRIPTOR = 16,
	DESCRIPTORS_MAX = 32,
	TYPE_PRIMARY = 1,
	TYPE_SUPPLEMENTARY = 2,
	TYPE_END = 255,
	DIRECTORY_MAX = 1024 * 1024, /* bytes */
	RECORD_HEAD = 33,
	CONTINUATIONS_MAX = 8,
	NAME_SIZE = 256,
	FLAG_DIRECTORY = 2,
	FLAG_MORE_EXTENTS = 0x80,
};

/* One file of a directory. */
struct record {
	const uint8_t *name;
	size_t name_len;
	const uint8_t *use; /* its system use area */
	size_t use_len;
	uint32_t block, size;
	uint8_t flags;
};

/* --- descriptors ---------------------------------------------------------------------------------------------------
 */

static void root_take(const uint8_t *d, uint32_t *block, uint32_t *size)
{
	const uint8_t *record = d + 156;

	*block = le32(record + 2) + record[1];
	*size = le32(record + 10);
}

static bool is_joliet(const uint8_t *d)
{
	const uint8_t *escape = d + 88;

	return escape[0] == '%' && escape[1] == '/' && (escape[2] == '@' || escape[2] == 'C' || escape[2] == 'E');
}

static void primary_take(const uint8_t *d, struct volume *v)
{
	v->iso.block = le16(d + 128);
	if (v->iso.block != 512 && v->iso.block != 1024 && v->iso.block != SECTOR)
		return;
	v->kind = VOLUME_ISO9660;
	label_copy(v->label, d + 40, 32);
	root_take(d, &v->iso.root, &v->iso.root_size);
}

int iso9660_probe(const struct medium *m, struct volume *v, struct error *err)
{
	uint8_t d[SECTOR];

	for (unsigned i = 0; i < DESCRIPTORS_MAX; i++) {
		uint64_t at = (uint64_t)(FIRST_DESCRIPTOR + i) * SECTOR;

		if (at + SECTOR > m->size)
			break;
		if (m->read(m, at, d, SECTOR, err) < 0)
			return -1;
		if (memcmp(d + 1, "CD001", 5) != 0 || d[0] == TYPE_END)
			break;
		if (d[0] == TYPE_PRIMARY && v->kind == VOLUME_NONE)
			primary_take(d, v);
		else if (d[0] == TYPE_SUPPLEMENTARY && is_joliet(d))
			root_take(d, &v->iso.joliet, &v->iso.joliet_size);
	}
	return v->kind == VOLUME_ISO9660;
}

/* --- directories ---------------------------------------------------------------------------------------------------
 */

/* The record at *at of a directory, and *at behind it. 1; 0: there is none any more; -1: it is damaged. */
static int record_next(const uint8_t *dir, size_t n, size_t *at, struct record *out)
{
	const uint8_t *p;
	size_t len, use;

	while (*at < n && dir[*at] == 0) /* the rest of a sector is empty */
		*at = (*at / SECTOR + 1) * SECTOR;
	if (*at >= n)
		return 0;
	p = dir + *at;
	len = p[0];
	if (len <= RECORD_HEAD || len > n - *at || p[32] == 0 || (size_t)RECORD_HEAD + p[32] > len)
		return -1;
	use = RECORD_HEAD + p[32] + (p[32] % 2 == 0);
	*out = (struct record){
		.name = p + RECORD_HEAD,
		.name_len = p[32],
		.use = p + (use < len ? use : len),
		.use_len = use < len ? len - use : 0,
		.block = le32(p + 2) + p[1],
		.size = le32(p + 10),
		.flags = p[25],
	};
	*at += len;
	return 1;
}

/* --- names: Rock Ridge ---------------------------------------------------------------------------------------------
 */

/* The entry "SP" of the directory's first record says that there are such entries, and how many bytes to pass over. */
static bool rock_ridge_begins(const uint8_t *dir, size_t n, size_t *skip)
{
	struct record self;
	size_t at = 0;

	*skip = 0;
	if (record_next(dir, n, &at, &self) <= 0)
		return false;
	for (size_t i = 0; i + 7 <= self.use_len && i <= 15; i++) {
		const uint8_t *p = self.use + i;

		if (p[0] == 'S' && p[1] == 'P' && p[2] == 7 && p[4] == 0xbe && p[5] == 0xef) {
			*skip = p[6];
			return true;
		}
	}
	return false;
}

struct continuation {
	uint64_t at;
	size_t n;
};

/* Entries of one area: names are added, a continuation is noted. */
static void area_read(const uint8_t *use, size_t n, uint32_t block, char name[NAME_SIZE], size_t *len,
		      struct continuation *more)
{
	for (size_t at = 0; at + 4 <= n && use[at + 2] >= 4 && use[at + 2] <= n - at; at += use[at + 2]) {
		const uint8_t *p = use + at;
		size_t size = p[2];

		if (p[0] == 'N' && p[1] == 'M' && size > 5 && !(p[4] & 6) && *len + size - 5 < NAME_SIZE) {
			memcpy(name + *len, p + 5, size - 5);
			*len += size - 5;
		} else if (p[0] == 'C' && p[1] == 'E' && size >= 28) {
			*more = (struct continuation){ (uint64_t)le32(p + 4) * block + le32(p + 12), le32(p + 20) };
		}
	}
}

static int rock_ridge_name(const struct medium *m, const struct volume *v, const struct record *r, size_t skip,
			   char name[NAME_SIZE], struct error *err)
{
	struct continuation more = { 0 };
	size_t len = 0;

	if (skip < r->use_len)
		area_read(r->use + skip, r->use_len - skip, v->iso.block, name, &len, &more);
	for (unsigned i = 0; more.n > 0 && i < CONTINUATIONS_MAX; i++) {
		_cleanup_buf_ struct buf area = { 0 };
		size_t n = more.n < SECTOR ? more.n : SECTOR;

		if (medium_append(m, more.at, n, &area, err) < 0)
			return -1;
		more.n = 0;
		area_read(buf_bytes(&area), area.len, v->iso.block, name, &len, &more);
	}
	name[len] = '\0';
	return 0;
}

/* --- names: Joliet's and its own ------------------------------------------------------------------------------------
 */

/* Big-endian characters of 16 bits; one that is not ASCII is like no name that is asked for. */
static void joliet_name(const struct record *r, char name[NAME_SIZE])
{
	size_t len = 0;

	for (size_t i = 0; i + 2 <= r->name_len; i += 2)
		name[len++] = r->name[i] == 0 && r->name[i + 1] != 0 ? (char)r->name[i + 1] : '\1';
	name[len] = '\0';
}

static void plain_name(const struct record *r, char name[NAME_SIZE])
{
	size_t len = 0;

	for (; len < r->name_len; len++) {
		char c = (char)r->name[len];

		name[len] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
	}
	name[len] = '\0';
}

/* ";1", and the dot before it where the name has no extension. */
static void version_cut(char *name)
{
	char *semicolon = strchr(name, ';');
	size_t n;

	if (semicolon)
		*semicolon = '\0';
	n = strlen(name);
	if (n > 0 && name[n - 1] == '.')
		name[n - 1] = '\0';
}

/* --- files ---------------------------------------------------------------------------------------------------------
 */

struct search {
	const struct medium *m;
	const struct volume *v;
	bool rock_ridge, joliet;
	size_t skip;
};

static int record_name(const struct search *s, const struct record *r, char name[NAME_SIZE], struct error *err)
{
	if (s->rock_ridge)
		return rock_ridge_name(s->m, s->v, r, s->skip, name, err);
	if (s->joliet)
		joliet_name(r, name);
	else
		plain_name(r, name);
	version_cut(name);
	return 0;
}

static int record_find(const struct search *s, const struct buf *dir, const char *wanted, struct record *out,
		       struct error *err)
{
	char name[NAME_SIZE];
	size_t at = 0;
	int r;

	while ((r = record_next(buf_bytes(dir), dir->len, &at, out)) > 0) {
		if (out->flags & FLAG_DIRECTORY)
			continue;
		if (record_name(s, out, name, err) < 0)
			return -1;
		if (strcmp(name, wanted) == 0)
			return 1;
	}
	return r < 0 ? error_set(err, 0, "its root directory is damaged") : 0;
}

static int directory_load(const struct medium *m, const struct volume *v, uint32_t block, uint32_t size,
			  struct buf *out, struct error *err)
{
	if (size > DIRECTORY_MAX)
		return error_say(err, EFBIG, "its root directory has more than %d bytes", DIRECTORY_MAX);
	return medium_append(m, (uint64_t)block * v->iso.block, size, out, err);
}

int iso9660_read(const struct medium *m, const struct volume *v, const char *name, size_t max, struct buf *out,
		 struct error *err)
{
	struct search s = { .m = m, .v = v };
	_cleanup_buf_ struct buf dir = { 0 };
	struct record found;
	int r;

	if (directory_load(m, v, v->iso.root, v->iso.root_size, &dir, err) < 0)
		return -1;
	s.rock_ridge = rock_ridge_begins(buf_bytes(&dir), dir.len, &s.skip);
	s.joliet = !s.rock_ridge && v->iso.joliet_size > 0;
	if (s.joliet) {
		buf_clear(&dir);
		if (directory_load(m, v, v->iso.joliet, v->iso.joliet_size, &dir, err) < 0)
			return -1;
	}
	r = record_find(&s, &dir, name, &found, err);
	if (r <= 0)
		return r;
	if (found.flags & FLAG_MORE_EXTENTS)
		return error_set(err, 0, "%s comes in several parts", name);
	if (found.size > max)
		return error_say(err, EFBIG, "%s has more than %zu bytes", name, max);
	if (medium_append(m, (uint64_t)found.block * v->iso.block, found.size, out, err) < 0)
		return error_wrap(err, "%s", name);
	return 1;
}
