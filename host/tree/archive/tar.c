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

static bool checksum_good(const uint8_t *block)
{
	int64_t want = 0, plain = 0, with_sign = 0;

	if (tar_octal(block + 148, 8, &want) < 0)
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

void tar_reader_clear(struct tar_reader *r)
{
	overrides_clear(&r->local);
	overrides_clear(&r->global);
}

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

static void overrides_apply(struct tar_entry *e, const struct tar_overrides *o)
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
	if (o->source && o->location) {
		e->source = o->source;
		e->location = o->location;
	}
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

static int entry_read(struct tar_reader *r, const uint8_t *block, uint64_t size, struct error *err)
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
	overrides_apply(e, &r->global);
	overrides_apply(e, &r->local);
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
		return entry_read(r, block, (uint64_t)size, err);
	default:
		return error_say(err, ENOTSUP, "tar header: member of unknown type 0x%02x", (unsigned char)type);
	}
}
