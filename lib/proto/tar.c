/* Reading of tar headers. The layout of a header block (POSIX.1-2017, pax, "ustar Interchange Format"):
 *
 *   0 name[100]  100 mode[8]  108 uid[8]  116 gid[8]  124 size[12]  136 mtime[12]  148 chksum[8]  156 typeflag
 *   157 linkname[100]  257 magic[6]  263 version[2]  265 uname[32]  297 gname[32]  329 devmajor[8]  337 devminor[8]
 *   345 prefix[155]
 */
#include "tar.h"

#include <errno.h>
#include <string.h>

#include "str.h"
#include "tar_private.h"

static const struct number_field field_mode = { 100, 8, "mode", 0, INT64_MAX };
static const struct number_field field_uid = { 108, 8, "uid", 0, UINT32_MAX - 1 };
static const struct number_field field_gid = { 116, 8, "gid", 0, UINT32_MAX - 1 };
static const struct number_field field_size = { 124, 12, "size", 0, INT64_MAX / 2 };
static const struct number_field field_mtime = { 136, 12, "mtime", INT64_MIN / 2, INT64_MAX / 2 };
static const struct number_field field_major = { 329, 8, "devmajor", 0, (1 << 12) - 1 };
static const struct number_field field_minor = { 337, 8, "devminor", 0, (1 << 20) - 1 };

/* GNU: the first bit set means two's complement in the other bits, big-endian. */
static int parse_base256(const uint8_t *p, size_t n, int64_t *out)
{
	uint64_t v = p[0] & 0x40 ? UINT64_MAX : 0;

	for (size_t i = 0; i < n; i++) {
		uint8_t byte = i == 0 ? (uint8_t)((p[0] & 0x40 ? 0x80 : 0) | (p[0] & 0x7f)) : p[i];
		uint64_t top = v >> 55; /* what the shift would push out, and the new sign */

		if (top != 0 && top != 0x1ff)
			return -1;
		v = v << 8 | byte;
	}
	*out = (int64_t)v;
	return 0;
}

static int parse_octal(const uint8_t *p, size_t n, int64_t *out)
{
	size_t i = 0;
	uint64_t v = 0;

	while (i < n && (p[i] == ' ' || p[i] == 0))
		i++;
	for (; i < n && p[i] >= '0' && p[i] <= '7'; i++)
		v = v << 3 | (uint64_t)(p[i] - '0');
	for (; i < n; i++)
		if (p[i] != ' ' && p[i] != 0)
			return -1;
	*out = (int64_t)v;
	return 0;
}

int tar_number(const uint8_t *block, const struct number_field *f, int64_t *out, struct error *err)
{
	const uint8_t *p = block + f->at;
	int r = p[0] & 0x80 ? parse_base256(p, f->len, out) : parse_octal(p, f->len, out);

	if (r < 0 || *out < f->min || *out > f->max)
		return error_say(err, EINVAL, "tar header: bad %s", f->name);
	return 0;
}

static bool checksum_good(const uint8_t *block)
{
	int64_t want = 0, plain = 0, with_sign = 0;

	if (parse_octal(block + 148, 8, &want) < 0)
		return false;
	for (size_t i = 0; i < TAR_BLOCK; i++) {
		uint8_t c = i >= 148 && i < 156 ? ' ' : block[i];

		plain += c;
		with_sign += (int8_t)c; /* some old tar programs summed signed characters */
	}
	return want == plain || want == with_sign;
}

static bool block_zero(const uint8_t *block)
{
	for (size_t i = 0; i < TAR_BLOCK; i++)
		if (block[i])
			return false;
	return true;
}

static size_t field_text(char *out, const uint8_t *p, size_t n)
{
	size_t len = strnlen((const char *)p, n);

	memcpy(out, p, len);
	out[len] = 0;
	return len;
}

/* --- overrides --- */

static void xattrs_clear(struct tar_overrides *o)
{
	for (size_t i = 0; i < o->xattr_count; i++)
		free((char *)o->xattrs[i].name);
	o->xattr_count = 0;
}

static void overrides_clear(struct tar_overrides *o)
{
	free(o->path);
	free(o->target);
	xattrs_clear(o);
	map_clear(&o->map);
	o->path = o->target = NULL;
	o->has_size = o->has_uid = o->has_gid = o->has_mtime = false;
}

void tar_reader_clear(struct tar_reader *r)
{
	overrides_clear(&r->local);
	overrides_clear(&r->global);
}

static int set_text(char **slot, const char *key, const uint8_t *v, size_t n, struct error *err)
{
	char *copy;

	if (n > TAR_PATH_MAX)
		return error_say(err, ENAMETOOLONG, "tar header: %s of %zu bytes", key, n);
	if (memchr(v, 0, n))
		return error_say(err, EINVAL, "tar header: %s holds a NUL byte", key);
	copy = n ? strndup((const char *)v, n) : NULL; /* an empty value takes the override back */
	if (n && !copy)
		return error_set(err, ENOMEM, "tar header");
	free(*slot);
	*slot = copy;
	return 0;
}

static int set_number(uint64_t *out, const char *key, const char *text, uint64_t max, struct error *err)
{
	if (str_to_u64(text, max, out) < 0)
		return error_set(err, 0, "tar header: bad %s \"%.40s\"", key, text);
	return 0;
}

/* "[-]seconds[.fraction]" */
static int set_time(struct tar_overrides *o, const char *text, struct error *err)
{
	const char *start = text + (text[0] == '-'), *dot = strchr(start, '.');
	char whole[24];
	uint64_t seconds = 0;
	uint32_t nsec = 0, unit = 100000000;
	size_t n = dot ? (size_t)(dot - start) : strlen(start);

	if (n >= sizeof(whole))
		return error_set(err, 0, "tar header: bad mtime \"%.40s\"", text);
	memcpy(whole, start, n);
	whole[n] = 0;
	if (set_number(&seconds, "mtime", n || !dot ? whole : "0", INT64_MAX / 4, err) < 0)
		return -1;
	for (const char *p = dot ? dot + 1 : ""; *p; p++, unit /= 10) {
		if (*p < '0' || *p > '9')
			return error_set(err, 0, "tar header: bad mtime \"%.40s\"", text);
		nsec += (uint32_t)(*p - '0') * unit;
	}
	o->mtime = text[0] == '-' ? -(int64_t)seconds : (int64_t)seconds;
	if (text[0] == '-' && nsec) {
		o->mtime--;
		nsec = 1000000000 - nsec;
	}
	o->mtime_nsec = nsec;
	o->has_mtime = true;
	return 0;
}

static int set_xattr(struct tar_overrides *o, const char *name, const uint8_t *v, size_t n, struct error *err)
{
	size_t name_len = strlen(name);
	char *copy;

	if (!name_len || name_len > 255)
		return error_say(err, EINVAL, "tar header: extended attribute with a name of %zu bytes", name_len);
	if (n > 65536)
		return error_say(err, E2BIG, "tar header: extended attribute %s of %zu bytes", name, n);
	for (size_t i = 0; i < o->xattr_count; i++)
		if (str_eq(o->xattrs[i].name, name)) {
			free((char *)o->xattrs[i].name);
			o->xattrs[i] = o->xattrs[--o->xattr_count];
			break;
		}
	if (o->xattr_count == TAR_XATTRS_MAX)
		return error_say(err, E2BIG, "tar header: more than %d extended attributes", TAR_XATTRS_MAX);
	copy = malloc(name_len + 1 + n + 1);
	if (!copy)
		return error_set(err, ENOMEM, "tar header");
	memcpy(copy, name, name_len + 1);
	memcpy(copy + name_len + 1, v, n);
	o->xattrs[o->xattr_count++] = (struct tar_xattr){ copy, (uint8_t *)copy + name_len + 1, n };
	return 0;
}

#define SCHILY_XATTR "SCHILY.xattr."
#define GNU_SPARSE   "GNU.sparse."

/* value is followed by a NUL that is not part of it */
static int pax_record(struct tar_overrides *o, const char *key, const uint8_t *value, size_t n, struct error *err)
{
	const char *text = (const char *)value;
	uint64_t v;

	if (str_starts(key, SCHILY_XATTR))
		return set_xattr(o, key + strlen(SCHILY_XATTR), value, n, err);
	if (str_eq(key, "path"))
		return set_text(&o->path, "path", value, n, err);
	if (str_eq(key, "linkpath"))
		return set_text(&o->target, "linkpath", value, n, err);
	if (str_starts(key, GNU_SPARSE))
		return map_record(&o->map, key + strlen(GNU_SPARSE), text, err);
	if (str_eq(key, "size")) {
		o->has_size = n > 0;
		return n ? set_number(&o->size, "size", text, INT64_MAX / 2, err) : 0;
	}
	if (str_eq(key, "uid") || str_eq(key, "gid")) {
		bool uid = key[0] == 'u';

		if (n && set_number(&v, key, text, UINT32_MAX - 1, err) < 0)
			return -1;
		*(uid ? &o->uid : &o->gid) = n ? (uint32_t)v : 0;
		*(uid ? &o->has_uid : &o->has_gid) = n > 0;
		return 0;
	}
	if (str_eq(key, "mtime")) {
		o->has_mtime = false;
		return n ? set_time(o, text, err) : 0;
	}
	return 0; /* what is not known does not matter, as POSIX has it */
}

/* Records of "LENGTH KEY=VALUE\n", LENGTH counting itself. The data is a copy that may be written to. */
static int pax_parse(struct tar_overrides *o, char *data, size_t n, struct error *err)
{
	char *p = data, *end = data + n;

	while (p < end) {
		char *q = p, *equals;
		size_t len = 0;

		if (*p == 0)
			return 0; /* some writers pad inside the size */
		for (; q < end && *q >= '0' && *q <= '9' && len <= TAR_META_MAX; q++)
			len = len * 10 + (size_t)(*q - '0');
		if (q == p || q == end || *q != ' ' || len > (size_t)(end - p) || p + len <= q + 1 ||
		    p[len - 1] != '\n')
			return error_say(err, EINVAL, "tar header: malformed pax record");
		q++;
		equals = memchr(q, '=', (size_t)(p + len - q));
		if (!equals || equals == q || memchr(q, 0, (size_t)(equals - q)))
			return error_say(err, EINVAL, "tar header: malformed pax record");
		*equals = 0;
		p[len - 1] = 0;
		if (pax_record(o, q, (uint8_t *)equals + 1, (size_t)(p + len - 1 - (equals + 1)), err) < 0)
			return -1;
		p += len;
	}
	return 0;
}

int tar_meta(struct tar_reader *r, const uint8_t *data, size_t n, struct error *err)
{
	struct tar_overrides *o = r->meta_type == 'g' ? &r->global : &r->local;
	_cleanup_free_ char *copy = NULL;

	if (n != r->meta_size)
		return error_say(err, EINVAL, "tar header: metadata cut short");
	copy = malloc(n + 1);
	if (!copy)
		return error_set(err, ENOMEM, "tar header");
	memcpy(copy, data, n);
	copy[n] = 0;
	r->global_number += r->meta_type == 'g';
	switch (r->meta_type) {
	case 'L':
		return set_text(&o->path, "long name", (uint8_t *)copy, strlen(copy), err);
	case 'K':
		return set_text(&o->target, "long link name", (uint8_t *)copy, strlen(copy), err);
	default:
		if (pax_parse(o, copy, n, err) < 0)
			return -1;
		return r->global.map.given ? error_say(err, EINVAL, "tar header: a map of holes for all files") : 0;
	}
}

/* --- headers --- */

static int entry_numbers(struct tar_entry *e, const uint8_t *block, struct error *err)
{
	int64_t mode, uid, gid, mtime, major = 0, minor = 0;

	if (tar_number(block, &field_mode, &mode, err) < 0 || tar_number(block, &field_uid, &uid, err) < 0 ||
	    tar_number(block, &field_gid, &gid, err) < 0 || tar_number(block, &field_mtime, &mtime, err) < 0)
		return -1;
	if (e->type == TAR_CHAR || e->type == TAR_BLOCK_DEVICE)
		if (tar_number(block, &field_major, &major, err) < 0 ||
		    tar_number(block, &field_minor, &minor, err) < 0)
			return -1;
	e->mode = mode & 07777;
	e->uid = (uint32_t)uid;
	e->gid = (uint32_t)gid;
	e->mtime = mtime;
	e->mtime_nsec = 0;
	e->major = (uint32_t)major;
	e->minor = (uint32_t)minor;
	return 0;
}

static void apply(struct tar_entry *e, const struct tar_overrides *o)
{
	if (o->path)
		e->path = o->path;
	if (o->target)
		e->target = o->target;
	if (o->has_size)
		e->size = o->size;
	if (o->has_uid)
		e->uid = o->uid;
	if (o->has_gid)
		e->gid = o->gid;
	if (o->has_mtime) {
		e->mtime = o->mtime;
		e->mtime_nsec = o->mtime_nsec;
	}
	if (o->map.name)
		e->path = o->map.name;
}

static void collect_xattrs(struct tar_reader *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->local.xattr_count; i++)
		r->xattrs[n++] = r->local.xattrs[i];
	for (size_t i = 0; i < r->global.xattr_count; i++) {
		bool shadowed = false;

		for (size_t k = 0; k < r->local.xattr_count; k++)
			shadowed |= str_eq(r->local.xattrs[k].name, r->global.xattrs[i].name);
		if (!shadowed)
			r->xattrs[n++] = r->global.xattrs[i];
	}
	r->entry.xattrs = r->xattrs;
	r->entry.xattr_count = n;
	r->entry.shared = r->local.xattr_count ? 0 : r->global_number;
}

static int entry(struct tar_reader *r, const uint8_t *block, uint64_t size, struct error *err)
{
	struct tar_entry *e = &r->entry;
	char type = (char)block[156];
	size_t n = 0;

	*e = (struct tar_entry){ .size = size, .path = r->path, .target = r->target };
	/* GNU's magic is "ustar  ": it has other fields where ustar has the prefix */
	if (memcmp(block + 257, "ustar\0", 6) == 0 && block[345]) {
		n = field_text(r->path, block + 345, 155);
		r->path[n++] = '/';
	}
	field_text(r->path + n, block, 100);
	field_text(r->target, block + 157, 100);
	if (type == 0 || type == '7' || type == 'S')
		type = TAR_FILE;
	e->type = (enum tar_type)type;
	r->map_gnu = false;
	if (entry_numbers(e, block, err) < 0 || (block[156] == 'S' && map_gnu_header(r, block, err) < 0))
		return -1;
	apply(e, &r->global);
	apply(e, &r->local);
	/* before ustar a directory was a file with a slash at its end */
	if (block[156] == 0 && str_ends(e->path, "/"))
		e->type = TAR_DIR;
	if (e->type != TAR_FILE)
		e->size = 0;
	if (e->type != TAR_LINK && e->type != TAR_SYMLINK)
		e->target = "";
	e->stored = e->size;
	collect_xattrs(r);
	r->local_used = true;
	return e->type == TAR_FILE && r->local.map.given ? map_begin(r, err) : TAR_ENTRY;
}

int tar_header(struct tar_reader *r, const uint8_t block[TAR_BLOCK], struct error *err)
{
	char type = (char)block[156];
	int64_t size;

	if (r->local_used) {
		overrides_clear(&r->local);
		r->local_used = false;
	}
	if (block_zero(block))
		return TAR_END;
	if (!checksum_good(block))
		return error_say(err, EINVAL, "not a tar header (wrong checksum)");
	if (tar_number(block, &field_size, &size, err) < 0)
		return -1;
	switch (type) {
	case 'x':
	case 'X':
	case 'g':
	case 'L':
	case 'K':
		if (size > TAR_META_MAX)
			return error_say(err, E2BIG, "tar header: %lld bytes of metadata", (long long)size);
		r->meta_type = type;
		r->meta_size = (uint64_t)size;
		return TAR_META;
	case 'V':
		r->meta_size = (uint64_t)size;
		r->local_used = true;
		return TAR_SKIP;
	case 0:
	case '0' ... '7':
	case 'S':
		return entry(r, block, (uint64_t)size, err);
	default:
		return error_say(err, ENOTSUP, "tar header: member of unknown type 0x%02x", (unsigned char)type);
	}
}
