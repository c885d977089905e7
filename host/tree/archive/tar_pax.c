/* What a tar archive says of an entry in front of its header: records of pax ('x' for the next entry, 'g' for all that
 * follow) and GNU's long names ('L', 'K'). A header's own fields give way to them. */
#include <errno.h>
#include <string.h>

#include "str.h"
#include "tar_private.h"

static void xattrs_clear(struct tar_overrides *o)
{
	for (size_t i = 0; i < o->xattr_count; i++)
		free((char *)o->xattrs[i].name);
	o->xattr_count = 0;
}

void overrides_clear(struct tar_overrides *o)
{
	free(o->path);
	free(o->target);
	free(o->source);
	free(o->location);
	xattrs_clear(o);
	map_clear(&o->map);
	o->path = o->target = o->source = o->location = NULL;
	o->has_size = o->has_uid = o->has_gid = o->has_mtime = false;
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
	if (str_eq(key, TAR_SOURCE))
		return set_text(&o->source, TAR_SOURCE, value, n, err);
	if (str_eq(key, TAR_LOCATION))
		return set_text(&o->location, TAR_LOCATION, value, n, err);
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
	return 0; /* unknown records are ignored, as POSIX has it */
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
