/* RPM's rpmdb.sqlite: all rows of the table Packages (hnum INTEGER, blob BLOB), read from the file format of SQLite 3.
 *
 * A table is a tree of pages. Page 1 is the root of the table of tables, sqlite_schema, whose row "Packages" names the
 * root of ours. An interior page leads to others; a leaf has rows: bytes of the record, a row number, the record, whose
 * end is in a chain of overflow pages when it is long. A record is a list of types and then the values.
 *
 *   table_walk()   every row of a tree: page_walk() on its root and on what interior pages lead to
 *   row_read()     one record, whole
 *   schema_row()   looks for Packages; package_row() takes the blob to rpm_header_parse()
 *
 * Every page is entered once at most in a walk, so that a circle ends it, and none is entered deeper than TREE_DEPTH.
 * All records together are no larger than the file: rows that share their bytes, which no real database has, end it
 * too. */
#include <errno.h>
#include <stdlib.h>

#include "buf.h"
#include "rpm_private.h"

enum { HEAD = 100, TREE_DEPTH = 20, PAGE_LEAF = 13, PAGE_INTERIOR = 5 };

struct sqlite {
	const uint8_t *db;
	size_t page;   /* bytes of one */
	size_t usable; /* of them, without what others keep at its end */
	uint32_t count;
	uint8_t *seen; /* a byte a page */
};

typedef int row_fn(void *data, const uint8_t *record, size_t n, struct error *err);

struct walk {
	const struct sqlite *db;
	row_fn *fn;
	void *data;
	struct buf record;
	uint64_t left; /* bytes that records may still have */
};

static int db_refuse(const char *what, struct error *err)
{
	return error_say(err, EINVAL, "a damaged database of SQLite: %s", what);
}

/* A number of one to nine bytes; false when it goes beyond the end. */
static bool varint_read(const uint8_t **p, const uint8_t *end, uint64_t *out)
{
	uint64_t v = 0;

	for (int i = 0; i < 9 && *p < end; i++) {
		uint8_t c = *(*p)++;

		if (i == 8) {
			*out = v << 8 | c;
			return true;
		}
		v = v << 7 | (c & 0x7f);
		if (!(c & 0x80)) {
			*out = v;
			return true;
		}
	}
	return false;
}

static const uint8_t *page_at(const struct sqlite *db, uint32_t number)
{
	return number && number <= db->count ? db->db + (size_t)(number - 1) * db->page : NULL;
}

/* How much of a record of that size is on the leaf itself. */
static size_t local_size(const struct sqlite *db, uint64_t size)
{
	size_t max = db->usable - 35, min = (db->usable - 12) * 32 / 255 - 23, some;

	if (size <= max)
		return (size_t)size;
	some = min + (size_t)((size - min) % (db->usable - 4));
	return some <= max ? some : min;
}

/* The rest of a record, from a chain of pages. */
static int overflow_read(struct walk *w, uint32_t number, uint64_t left, struct error *err)
{
	while (left) {
		const uint8_t *page = page_at(w->db, number);
		size_t part = left < w->db->usable - 4 ? (size_t)left : w->db->usable - 4;

		if (!page)
			return db_refuse("a row ends nowhere", err);
		if (buf_add(&w->record, page + 4, part) < 0)
			return error_set(err, ENOMEM, "SQLite");
		left -= part;
		number = read_be32(page);
	}
	return 0;
}

static int row_read(struct walk *w, const uint8_t *page, size_t at, struct error *err)
{
	const uint8_t *end = page + w->db->usable, *p = page + at;
	uint64_t size, row;
	size_t local;

	if (!varint_read(&p, end, &size) || !varint_read(&p, end, &row) || size > RPM_HEADER_MAX || size >= w->left)
		return db_refuse("rows that are larger than the database", err);
	w->left -= size + 1;
	local = local_size(w->db, size);
	if ((size_t)(end - p) < local + (local < size ? 4 : 0))
		return db_refuse("a row beyond its page", err);
	if (local == size)
		return w->fn(w->data, p, local, err);
	buf_clear(&w->record);
	if (buf_add(&w->record, p, local) < 0)
		return error_set(err, ENOMEM, "SQLite");
	if (overflow_read(w, read_be32(p + local), size - local, err) < 0)
		return -1;
	return w->fn(w->data, buf_bytes(&w->record), w->record.len, err);
}

static int page_walk(struct walk *w, uint32_t number, int depth, struct error *err)
{
	const uint8_t *page = page_at(w->db, number), *head;
	size_t cells, first;
	bool leaf;

	if (!page || depth == TREE_DEPTH || w->db->seen[number])
		return db_refuse("a table's pages lead nowhere or in a circle", err);
	w->db->seen[number] = 1;
	head = page + (number == 1 ? HEAD : 0);
	leaf = head[0] == PAGE_LEAF;
	if (!leaf && head[0] != PAGE_INTERIOR)
		return db_refuse("a page of another kind in a table", err);
	cells = read_be16(head + 3);
	first = (size_t)(head - page) + (leaf ? 8 : 12);
	if (first + 2 * cells > w->db->usable)
		return db_refuse("more rows than a page has room for", err);
	for (size_t i = 0; i < cells; i++) {
		size_t at = read_be16(page + first + 2 * i);

		if (at + 4 > w->db->usable)
			return db_refuse("a row beyond its page", err);
		if ((leaf ? row_read(w, page, at, err) : page_walk(w, read_be32(page + at), depth + 1, err)) < 0)
			return -1;
	}
	return leaf ? 0 : page_walk(w, read_be32(head + 8), depth + 1, err);
}

static int table_walk(const struct sqlite *db, uint32_t root, row_fn *fn, void *data, struct error *err)
{
	struct walk w = { .db = db, .fn = fn, .data = data, .left = (uint64_t)db->count * db->page };
	int r;

	memset(db->seen, 0, (size_t)db->count + 1);
	r = page_walk(&w, root, 0, err);
	buf_free(&w.record);
	return r;
}

/* --- records --- */

struct column {
	uint64_t type;
	const uint8_t *at;
	size_t len;
};

static size_t type_size(uint64_t type)
{
	static const size_t fixed[12] = { 0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0 };

	if (type < 12)
		return fixed[type];
	return type > (UINT64_C(1) << 40) ? SIZE_MAX : (size_t)((type - 12) / 2);
}

/* The first `want` columns of a record. */
static int columns_read(const uint8_t *record, size_t n, struct column *out, size_t want, struct error *err)
{
	const uint8_t *p = record, *end = record + n, *value;
	uint64_t head;

	if (!varint_read(&p, end, &head) || head > n)
		return db_refuse("a row without types", err);
	value = record + head;
	for (size_t i = 0; i < want; i++) {
		if (!varint_read(&p, record + head, &out[i].type))
			return db_refuse("a row with too few columns", err);
		out[i].at = value;
		out[i].len = type_size(out[i].type);
		if ((size_t)(end - value) < out[i].len)
			return db_refuse("a column beyond its row", err);
		value += out[i].len;
	}
	return 0;
}

static bool column_is(const struct column *c, const char *text)
{
	return c->type >= 13 && c->type % 2 == 1 && c->len == strlen(text) && memcmp(c->at, text, c->len) == 0;
}

static uint32_t column_number(const struct column *c)
{
	uint64_t v = c->type == 9;

	for (size_t i = 0; c->type && c->type < 7 && i < c->len; i++)
		v = v << 8 | c->at[i];
	return v <= UINT32_MAX ? (uint32_t)v : 0;
}

/* type, name, tbl_name, rootpage, sql */
static int schema_row(void *data, const uint8_t *record, size_t n, struct error *err)
{
	struct column c[4];
	uint32_t *root = data;

	if (columns_read(record, n, c, 4, err) < 0)
		return -1;
	if (column_is(&c[0], "table") && column_is(&c[1], "Packages"))
		*root = column_number(&c[3]);
	return 0;
}

struct packages {
	found_fn *fn;
	void *data;
};

static int package_row(void *data, const uint8_t *record, size_t n, struct error *err)
{
	const struct packages *p = data;
	struct column c[2];

	if (columns_read(record, n, c, 2, err) < 0)
		return -1;
	if (c[1].type < 12 || c[1].type % 2)
		return db_refuse("a package that is no blob", err);
	return rpm_header_parse(c[1].at, c[1].len, p->fn, p->data, err);
}

int rpm_sqlite_parse(const uint8_t *db, size_t n, found_fn *fn, void *data, struct error *err)
{
	struct packages packages = { fn, data };
	struct sqlite s = { .db = db };
	uint32_t root = 0;
	int r;

	if (n < HEAD || memcmp(db, "SQLite format 3", 16) != 0)
		return error_say(err, EINVAL, "no database of SQLite 3");
	s.page = read_be16(db + 16) == 1 ? 65536 : read_be16(db + 16);
	if (s.page < 512 || (s.page & (s.page - 1)) || s.page - db[20] < 480)
		return db_refuse("pages of no size that there is", err);
	s.usable = s.page - db[20];
	if (n / s.page == 0 || n / s.page > UINT32_MAX)
		return db_refuse("it is cut short", err);
	s.count = (uint32_t)(n / s.page);
	s.seen = malloc((size_t)s.count + 1);
	if (!s.seen)
		return error_set(err, ENOMEM, "SQLite");
	r = table_walk(&s, 1, schema_row, &root, err);
	if (r == 0 && !root)
		r = error_say(err, EINVAL, "a database of SQLite without the table Packages");
	if (r == 0)
		r = table_walk(&s, root, package_row, &packages, err);
	free(s.seen);
	return r;
}
