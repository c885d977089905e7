#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io.h"
#include "str.h"
#include "tap.h"
#include "tar.h"

static bool fine; /* of the last call: its error is looked at in the same ok() */

/* Reads one entry out of an archive in memory: 1, 0 at the end, -1. *at moves behind its header. */
static int read_entry(struct tar_reader *r, const struct buf *b, size_t *at, struct error *err)
{
	while (*at + TAR_BLOCK <= b->len) {
		int what = tar_header(r, buf_bytes(b) + *at, err);

		*at += TAR_BLOCK;
		if (what == TAR_ENTRY)
			return 1;
		if (what == TAR_END)
			return 0;
		if (what < 0)
			return -1;
		if (*at + r->meta_size > b->len)
			return error_set(err, 0, "short");
		if (what == TAR_META && tar_meta(r, buf_bytes(b) + *at, (size_t)r->meta_size, err) < 0)
			return -1;
		*at += (size_t)r->meta_size + tar_padding(r->meta_size);
	}
	return 0;
}

static char *repeat(const char *part, int times)
{
	_cleanup_buf_ struct buf b = { 0 };

	for (int i = 0; i < times; i++)
		buf_addstr(&b, part);
	return buf_steal_text(&b);
}

static void round_trip(const char *what, const struct tar_entry *e)
{
	_cleanup_tar_reader_ struct tar_reader r = { 0 };
	_cleanup_error_ struct error err = { 0 };
	_cleanup_buf_ struct buf b = { 0 };
	size_t at = 0;
	bool same;

	ok(tar_write_header(&b, e, &err) == 0 && b.len % TAR_BLOCK == 0, "%s is written in whole blocks", what);
	fine = read_entry(&r, &b, &at, &err) == 1 && at == b.len;
	if (!ok(fine, "%s is read back (%s)", what, error_text(&err)))
		return;
	same = r.entry.type == e->type && r.entry.mode == e->mode && r.entry.uid == e->uid && r.entry.gid == e->gid &&
		r.entry.size == e->size && r.entry.mtime == e->mtime && r.entry.mtime_nsec == e->mtime_nsec &&
		r.entry.major == e->major && r.entry.minor == e->minor && str_eq(r.entry.target, e->target) &&
		strncmp(r.entry.path, e->path, strlen(e->path)) == 0 && r.entry.xattr_count == e->xattr_count;
	ok(same, "%s is the same", what);
	for (size_t i = 0; i < e->xattr_count && i < r.entry.xattr_count; i++)
		ok(str_eq(r.entry.xattrs[i].name, e->xattrs[i].name) && r.entry.xattrs[i].len == e->xattrs[i].len &&
			   memcmp(r.entry.xattrs[i].value, e->xattrs[i].value, e->xattrs[i].len) == 0,
		   "%s: extended attribute %zu", what, i);
}

static void test_round_trips(void)
{
	_cleanup_free_ char *p100 = repeat("0123456789", 10), *deep = repeat("directory/", 25),
			    *flat = repeat("n", 200);
	_cleanup_free_ char *split = str_format("%.*s/%s", 99, p100, "leaf");
	_cleanup_free_ char *edge_dir = repeat("d/", 60);
	static const struct tar_xattr xattrs[] = {
		{ "security.capability", (const uint8_t *)"\1\0\0\2\0\n=\0", 8 },
		{ "user.empty", (const uint8_t *)"", 0 },
	};

	edge_dir[strlen(edge_dir) - 1] = 0;
	round_trip("a plain file", &(struct tar_entry){ TAR_FILE, "etc/hosts", "", 0644, 1, 2, 1234, 1600000000 });
	round_trip("a file of 100 bytes' name", &(struct tar_entry){ TAR_FILE, p100, "", 0600 });
	round_trip("a name that needs the prefix", &(struct tar_entry){ TAR_FILE, split, "", 0600 });
	round_trip("a directory near the limit", &(struct tar_entry){ TAR_DIR, edge_dir, "", 0755 });
	round_trip("a path over 256 bytes", &(struct tar_entry){ TAR_FILE, deep, "", 0600 });
	round_trip("a name without a slash to cut at", &(struct tar_entry){ TAR_FILE, flat, "", 0600 });
	round_trip("a long link", &(struct tar_entry){ TAR_SYMLINK, "a", deep, 0777 });
	round_trip("a long link in GNU's way",
		   &(struct tar_entry){ .type = TAR_SYMLINK, .path = "a", .target = deep, .gnu_target = true });
	round_trip("a hard link", &(struct tar_entry){ TAR_LINK, "a", flat, 0644 });
	round_trip("large ids", &(struct tar_entry){ TAR_FILE, "a", "", 07777, 4000000, 4294967294 });
	round_trip("a file of 10 GB", &(struct tar_entry){ TAR_FILE, "a", "", 0644, 0, 0, 10000000000 });
	round_trip("times before the epoch",
		   &(struct tar_entry){
			   .type = TAR_FILE, .path = "a", .target = "", .mtime = -2, .mtime_nsec = 500000000 });
	round_trip("a fraction of a second",
		   &(struct tar_entry){ .type = TAR_FILE, .path = "a", .target = "", .mtime = 5, .mtime_nsec = 1 });
	round_trip("a device",
		   &(struct tar_entry){ .type = TAR_CHAR, .path = "null", .target = "", .major = 1, .minor = 3 });
	round_trip("extended attributes",
		   &(struct tar_entry){
			   .type = TAR_FILE, .path = "a", .target = "", .xattrs = xattrs, .xattr_count = 2 });
}

/* A header block with a right checksum. */
static void header(uint8_t *block, const char *name, char type, const char *size, const char *magic)
{
	uint32_t sum = 0;

	memset(block, 0, TAR_BLOCK);
	strcpy((char *)block, name);
	strcpy((char *)block + 100, "0000644");
	strcpy((char *)block + 124, size);
	block[156] = (uint8_t)type;
	memcpy(block + 257, magic, 8);
	memset(block + 148, ' ', 8);
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += block[i];
	snprintf((char *)block + 148, 8, "%06o", sum);
}

#define USTAR "ustar\00000"

static int first_what(const uint8_t *block, const char **message)
{
	static struct error err;
	struct tar_reader r = { 0 };
	int what = tar_header(&r, block, &err);

	tar_reader_clear(&r);
	*message = what < 0 ? error_text(&err) : "";
	return what;
}

static void test_refusals(void)
{
	static const struct {
		const char *what, *name, *size, *message;
		char type;
	} bad[] = {
		{ "a continued member", "a", "0", "unknown type", 'M' },
		{ "a bad size", "a", "12x", "size", '0' },
		{ "a negative size", "a", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "size", '0' },
		{ "a size over 63 bits", "a", "\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", "size", '0' },
		{ "a size over 64 bits, the low ones zero", "a", "\x80\1\0\0\0\0\0\0\0\0\0\0", "size", '0' },
		{ "metadata of a gigabyte", "a", "10000000000", "bytes of metadata", 'x' },
	};
	uint8_t block[TAR_BLOCK];
	const char *message;

	for (size_t i = 0; i < array_len(bad); i++) {
		header(block, bad[i].name, bad[i].type, "", USTAR);
		memcpy(block + 124, bad[i].size, bad[i].size[0] & 0x80 ? 12 : strlen(bad[i].size));
		uint32_t sum = 0;

		memset(block + 148, ' ', 8);
		for (size_t k = 0; k < TAR_BLOCK; k++)
			sum += block[k];
		snprintf((char *)block + 148, 8, "%06o", sum);
		fine = first_what(block, &message) < 0 && strstr(message, bad[i].message);
		ok(fine, "%s is refused: %s", bad[i].what, message);
	}
	header(block, "a", '0', "0", USTAR);
	block[0] = 'b';
	ok(first_what(block, &message) < 0 && strstr(message, "checksum"), "a wrong checksum is refused");
	memset(block, 0, sizeof(block));
	ok(first_what(block, &message) == TAR_END, "a zero block ends the archive");
	header(block, "dir/", 0, "0", "\0\0\0\0\0\0\0\0");
	struct tar_reader r = { 0 };
	ok(tar_header(&r, block, NULL) == TAR_ENTRY && r.entry.type == TAR_DIR,
	   "a file with a slash is a directory of old tar");
	tar_reader_clear(&r);
}

static int parse_pax(const char *records, size_t n, struct tar_reader *r, struct error *err)
{
	uint8_t block[TAR_BLOCK];
	char size[24];

	snprintf(size, sizeof(size), "%zo", n);
	header(block, "x", 'x', size, USTAR);
	if (tar_header(r, block, err) != TAR_META)
		return -1;
	if (tar_meta(r, (const uint8_t *)records, n, err) < 0)
		return -1;
	header(block, "name", '0', "0", USTAR);
	return tar_header(r, block, err);
}

/* "LENGTH PAIR\n" */
static void pax_add(struct buf *out, const char *pair, size_t n)
{
	size_t digits = 1;

	while (snprintf(NULL, 0, "%zu", digits + n + 2) > (int)digits)
		digits++;
	buf_addf(out, "%zu ", digits + n + 2);
	buf_add(out, pair, n);
	buf_addstr(out, "\n");
}

static void refuse_pax(const char *what, const struct buf *records, const char *message)
{
	_cleanup_tar_reader_ struct tar_reader r = { 0 };
	_cleanup_error_ struct error err = { 0 };

	fine = parse_pax((const char *)buf_bytes(records), records->len, &r, &err) < 0 &&
		strstr(error_text(&err), message);
	ok(fine, "%s is refused: %s", what, error_text(&err));
}

/* What a header may ask for has bounds; at the bound itself it is taken. */
static void test_pax_bounds(void)
{
	enum { VALUE_MAX = 65536 };
	_cleanup_free_ char *name = repeat("n", TAR_PATH_MAX + 1), *value = repeat("v", VALUE_MAX + 1);
	_cleanup_buf_ struct buf path = { 0 }, longest = { 0 }, large = { 0 }, many = { 0 }, key = { 0 };
	_cleanup_free_ char *pair = str_format("path=%s", name), *xattr = str_format("SCHILY.xattr.user.a=%s", value);
	_cleanup_tar_reader_ struct tar_reader r = { 0 };
	_cleanup_error_ struct error err = { 0 };

	pax_add(&path, pair, strlen(pair));
	refuse_pax("a path that is too long", &path, "path of 4096 bytes");
	pax_add(&large, xattr, strlen(xattr));
	refuse_pax("a large attribute", &large, "extended attribute user.a of 65537 bytes");
	pair[strlen(pair) - 1] = xattr[strlen(xattr) - 1] = '\0';
	pax_add(&longest, pair, strlen(pair));
	pax_add(&longest, xattr, strlen(xattr));
	ok(parse_pax((const char *)buf_bytes(&longest), longest.len, &r, &err) == TAR_ENTRY, "the longest of both");
	for (int i = 0; i <= TAR_XATTRS_MAX; i++) {
		char text[64];

		snprintf(text, sizeof(text), "SCHILY.xattr.user.%03d=x", i);
		pax_add(&many, text, strlen(text));
	}
	refuse_pax("one attribute too many", &many, "more than 128 extended attributes");
	pax_add(&key, "pa\0th=x", strlen("path=x") + 1);
	refuse_pax("a NUL in a key", &key, "malformed pax record");
}

static void test_pax(void)
{
	/* Records as they stand, and values whose records are right. */
	static const struct {
		const char *what, *records;
	} bad[] = {
		{ "a record without a length", "path=a\n" },
		{ "a length that is too long", "99 path=a\n" },
		{ "a length that is too short", "5 path=a\n" },
		{ "a length of zero", "0 path=a\n" },
		{ "a huge length", "99999999999999999999 path=a\n" },
		{ "a record without a newline", "9 path=ab" },
		{ "a record without a value", "7 path\n" },
		{ "an empty key", "5 =a\n" },
		/* its last byte would lie where there is no memory any more */
		{ "a record of a megabyte", "1048576 path=a\n" },
	};
	static const struct {
		const char *what, *pairs[3], *message;
	} wrong[] = {
		{ "a size that is none", { "size=1x" }, "bad size" },
		{ "a negative uid", { "uid=-1" }, "bad uid" },
		{ "a uid over 32 bits", { "uid=4294967295" }, "bad uid" },
		{ "a time that is none", { "mtime=1-" }, "bad mtime" },
		{ "a sparse format of the future", { "GNU.sparse.major=2" }, "is not known" },
		{ "a map that overlaps", { "GNU.sparse.size=9", "GNU.sparse.map=0,2,1,2", "size=4" }, "contradicts" },
		{ "a map beyond the end", { "GNU.sparse.size=9", "GNU.sparse.map=9,1", "size=1" }, "contradicts" },
		{ "a map that holds more than the archive",
		  { "GNU.sparse.size=9", "GNU.sparse.map=0,1" },
		  "contradicts" },
		{ "a map of half a segment", { "GNU.sparse.size=9", "GNU.sparse.map=0,0,1" }, "bad map" },
		{ "a map of words", { "GNU.sparse.map=a,b" }, "bad map" },
		{ "a length without an offset", { "GNU.sparse.numbytes=1" }, "is not known" },
		{ "an offset without a length", { "GNU.sparse.offset=1" }, "contradicts" },
		{ "a petabyte of holes", { "GNU.sparse.size=1000000000000000" }, "larger than a terabyte" },
		{ "an attribute without a name", { "SCHILY.xattr.=abc" }, "with a name of 0 bytes" },
	};
	struct tar_reader r = { 0 };
	struct error err = { 0 };

	for (size_t i = 0; i < array_len(bad); i++) {
		fine = parse_pax(bad[i].records, strlen(bad[i].records), &r, &err) < 0 &&
			strstr(error_text(&err), "malformed pax record");
		ok(fine, "%s is refused: %s", bad[i].what, error_text(&err));
		tar_reader_clear(&r);
		memset(&r, 0, sizeof(r));
	}
	for (size_t i = 0; i < array_len(wrong); i++) {
		_cleanup_buf_ struct buf records = { 0 };

		for (size_t k = 0; k < array_len(wrong[i].pairs) && wrong[i].pairs[k]; k++)
			pax_add(&records, wrong[i].pairs[k], strlen(wrong[i].pairs[k]));
		refuse_pax(wrong[i].what, &records, wrong[i].message);
	}
	test_pax_bounds();
	ok(parse_pax("12 path=a\0b\n", 12, &r, &err) < 0, "a NUL in a path is refused");
	tar_reader_clear(&r);
	memset(&r, 0, sizeof(r));
	ok(parse_pax("11 path=abc\n30 mtime=1600000000.25\n", 36, &r, &err) < 0,
	   "a bad record after a good one is refused");
	tar_reader_clear(&r);
	memset(&r, 0, sizeof(r));
	ok(parse_pax("12 path=abc\n23 mtime=1600000000.25\n", 35, &r, &err) == TAR_ENTRY, "records are read");
	ok_str(r.entry.path, "abc", "the path");
	ok(r.entry.mtime == 1600000000 && r.entry.mtime_nsec == 250000000, "the time");
	uint8_t block[TAR_BLOCK];
	header(block, "next", '0', "0", USTAR);
	ok(tar_header(&r, block, &err) == TAR_ENTRY && str_eq(r.entry.path, "next"), "they hold for one entry only");
	tar_reader_clear(&r);
	error_clear(&err);
}

/* --- files with holes --- */

static void seal(uint8_t *block)
{
	uint32_t sum = 0;

	memset(block + 148, ' ', 8);
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += block[i];
	snprintf((char *)block + 148, 8, "%06o", sum);
}

/* Segments of a byte at every second byte. */
static void put_segments(uint8_t *block, size_t at, int from, int count)
{
	for (int i = 0; i < count; i++, at += 24) {
		snprintf((char *)block + at, 12, "%011o", 2 * (from + i));
		snprintf((char *)block + at + 12, 12, "%011o", 1);
	}
}

static void test_gnu_map(void)
{
	uint8_t block[TAR_BLOCK], more[TAR_BLOCK] = { 0 };
	_cleanup_tar_reader_ struct tar_reader r = { 0 };
	struct error err = { 0 };
	bool right = true;

	header(block, "a", 'S', "27", "ustar  ");
	put_segments(block, 386, 0, 4);
	block[482] = 1;
	strcpy((char *)block + 483, "00000000100");
	seal(block);
	ok(tar_header(&r, block, &err) == TAR_SPARSE, "a GNU map goes on in a further block");
	put_segments(more, 0, 4, 19);
	ok(tar_sparse(&r, more, &err) == TAR_ENTRY, "and ends there: %s", error_text(&err));
	for (size_t i = 0; i < r.entry.segment_count; i++)
		right &= r.entry.segments[i].at == 2 * i && r.entry.segments[i].len == 1;
	ok(right && r.entry.segment_count == 23 && r.entry.size == 64 && r.entry.stored == 23, "with all segments");
	more[12] = 'x';
	ok(tar_header(&r, block, &err) == TAR_SPARSE && tar_sparse(&r, more, &err) == -1, "a bad one is refused");
	error_clear(&err);
	header(block, "a", '0', "0", USTAR);
	ok(tar_header(&r, block, &err) == TAR_ENTRY && !r.entry.segments, "the next file has no holes");
}

/* A pax 1.0 header in front of a file of that many bytes. */
static int pax_map(struct tar_reader *r, const char *size, const uint8_t *map, struct error *err)
{
	static const char records[] = "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n"
				      "21 GNU.sparse.name=b\n26 GNU.sparse.realsize=90\n";
	uint8_t block[TAR_BLOCK];
	char length[24];

	snprintf(length, sizeof(length), "%zo", sizeof(records) - 1);
	header(block, "x", 'x', length, USTAR);
	if (tar_header(r, block, err) != TAR_META ||
	    tar_meta(r, (const uint8_t *)records, sizeof(records) - 1, err) < 0)
		return -1;
	header(block, "GNUSparseFile.1/b", '0', size, USTAR);
	if (tar_header(r, block, err) != TAR_SPARSE)
		return -1;
	return tar_sparse(r, map, err);
}

static void test_pax_map(void)
{
	static const struct {
		const char *what, *map, *size;
		int want;
	} rows[] = {
		{ "two segments", "2\n10\n5\n80\n10\n", "1017", TAR_ENTRY },
		{ "no segment", "0\n", "1000", TAR_ENTRY },
		{ "a map that goes on", "2\n10\n5\n80\n", "1017", -1 },
		{ "a line without a number", "2\n\n5\n80\n10\n", "1017", -1 },
		{ "a word", "2\nx\n5\n80\n10\n", "1017", -1 },
		{ "too many segments", "65537\n", "1000", -1 },
		{ "a number of any length", "99999999999999999999999\n", "1000", -1 },
		{ "an archive without room for its map", "0\n", "777", -1 },
	};
	_cleanup_error_ struct error err = { 0 };

	for (size_t i = 0; i < array_len(rows); i++) {
		_cleanup_tar_reader_ struct tar_reader r = { 0 };
		uint8_t map[TAR_BLOCK] = { 0 };

		strcpy((char *)map, rows[i].map);
		fine = pax_map(&r, rows[i].size, map, &err) == rows[i].want;
		ok(fine, "%s in front of the data: %s", rows[i].what, error_text(&err));
		if (i == 0)
			ok(str_eq(r.entry.path, "b") && r.entry.size == 90 && r.entry.stored == 15 &&
				   r.entry.segment_count == 2 && r.entry.segments[1].at == 80,
			   "name, sizes and segments");
		error_clear(&err);
	}
}

/* What GNU tar makes of what we write. */
static void test_gnu_tar(void)
{
	char dir[] = "/tmp/test_tar.XXXXXX";
	_cleanup_buf_ struct buf b = { 0 };
	_cleanup_free_ char *file = NULL, *command = NULL, *deep = repeat("directory/", 20), *out = NULL;
	struct error err = { 0 };

	if (!mkdtemp(dir))
		return;
	tar_write_header(&b, &(struct tar_entry){ TAR_DIR, "d", "", 0755, 5, 6, 0, 77 }, &err);
	tar_write_header(&b, &(struct tar_entry){ TAR_SYMLINK, "d/l", deep, 0777, 4000000, 6, 0, 77 }, &err);
	for (int i = 0; i < 2; i++)
		buf_add(&b, (uint8_t[TAR_BLOCK]){ 0 }, TAR_BLOCK);
	file = str_format("%s/a.tar", dir);
	ok(file_write(file, buf_bytes(&b), b.len, 0644, &err) == 0, "an archive is written");
	command = str_format("TZ=UTC tar -tvf %s --numeric-owner >%s/out 2>&1", file, dir);
	ok(system(command) == 0, "GNU tar reads it without a complaint");
	struct buf text = { 0 };
	out = str_format("%s/out", dir);
	file_read(out, 4096, &text, &err);
	ok(strstr(buf_text(&text), "drwxr-xr-x 5/6") && strstr(buf_text(&text), "1970-01-01 00:01 d/\n") &&
		   strstr(buf_text(&text), "lrwxrwxrwx 4000000/6") && strstr(buf_text(&text), deep),
	   "and sees what was meant");
	buf_free(&text);
	dir_remove(dir, NULL);
}

int main(void)
{
	test_round_trips();
	test_refusals();
	test_pax();
	test_gnu_map();
	test_pax_map();
	test_gnu_tar();
	return tap_done();
}
