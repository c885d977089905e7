/* Files with holes: only their segments are in the archive, and a map says where they belong. Four ways to write it
 * (GNU tar manual, "Storing Sparse Files"):
 *
 *   GNU     type 'S': four segments of offset[12] and length[12] at 386, "more follow" at 482, the file's size[12] at
 *           483; blocks that follow hold 21 segments and "more follow" at 504
 *   pax 0.0 records GNU.sparse.size, and GNU.sparse.offset and GNU.sparse.numbytes by turns
 *   pax 0.1 records GNU.sparse.size, GNU.sparse.name and GNU.sparse.map=OFFSET,LENGTH,...
 *   pax 1.0 records GNU.sparse.realsize, GNU.sparse.name, GNU.sparse.major=1, GNU.sparse.minor=0; the content begins
 *           with lines of decimal numbers, the count of segments and each one's offset and length, padded to 512
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "str.h"
#include "tar_private.h"

enum { GNU_FIRST = 4, GNU_MORE = 21, GNU_SEGMENT = 24 };

static const struct number_field field_real_size = { 483, 12, "size of a file with holes", 0, INT64_MAX };

void map_clear(struct tar_map *m)
{
	free(m->list);
	free(m->name);
	*m = (struct tar_map){ 0 };
}

static int map_add(struct tar_map *m, uint64_t at, uint64_t len, struct error *err)
{
	if (m->count == TAR_SEGMENTS_MAX)
		return error_say(err, E2BIG, "tar header: a file with more than %d segments between holes",
				 TAR_SEGMENTS_MAX);
	if (m->count == m->capacity) {
		size_t capacity = m->capacity ? 2 * m->capacity : 16;
		struct tar_segment *bigger = reallocarray(m->list, capacity, sizeof(*bigger));

		if (!bigger)
			return error_set(err, ENOMEM, "tar header");
		m->list = bigger;
		m->capacity = capacity;
	}
	m->list[m->count++] = (struct tar_segment){ at, len };
	return 0;
}

static int map_refuse(const struct tar_reader *r, struct error *err)
{
	return error_say(err, EINVAL, "tar header: the map of holes of %.200s contradicts itself", r->entry.path);
}

/* The whole map is known: the entry gets it. */
static int map_finish(struct tar_reader *r, struct error *err)
{
	static const struct tar_segment none;
	const struct tar_map *m = &r->local.map;
	uint64_t end = 0, sum = 0;

	if (m->has_at)
		return map_refuse(r, err);
	if (m->size > TAR_SPARSE_MAX)
		return error_say(err, E2BIG, "tar header: %.200s, a file with holes, is larger than a terabyte",
				 r->entry.path);
	for (size_t i = 0; i < m->count; i++) {
		const struct tar_segment *s = &m->list[i];

		if (s->at < end || s->at > m->size || s->len > m->size - s->at)
			return map_refuse(r, err);
		end = s->at + s->len;
		sum += s->len;
	}
	if (sum != r->entry.stored)
		return map_refuse(r, err);
	r->entry.size = m->size;
	r->entry.segments = m->count ? m->list : &none;
	r->entry.segment_count = m->count;
	return TAR_ENTRY;
}

/* --- pax --- */

static int map_list(struct tar_map *m, const char *text, struct error *err)
{
	_cleanup_strv_ char **numbers = strv_split(text, ",");
	uint64_t at, len;

	if (!numbers)
		return error_set(err, ENOMEM, "tar header");
	for (char **n = numbers; *n; n += 2)
		if (!n[1] || str_to_u64(n[0], INT64_MAX, &at) < 0 || str_to_u64(n[1], INT64_MAX, &len) < 0)
			return error_say(err, EINVAL, "tar header: bad map of holes");
		else if (map_add(m, at, len, err) < 0)
			return -1;
	return 0;
}

int map_record(struct tar_map *m, const char *key, const char *text, struct error *err)
{
	uint64_t v;

	m->given = true;
	if (str_eq(key, "name")) {
		free(m->name);
		m->name = strlen(text) <= TAR_PATH_MAX ? strdup(text) : NULL;
		return m->name ? 0 : error_set(err, ENAMETOOLONG, "tar header");
	}
	if (str_eq(key, "map"))
		return map_list(m, text, err);
	if (str_to_u64(text, INT64_MAX, &v) < 0)
		return error_set(err, 0, "tar header: bad GNU.sparse.%.40s \"%.40s\"", key, text);
	if (str_eq(key, "size") || str_eq(key, "realsize")) {
		m->size = v;
	} else if (str_eq(key, "offset") && !m->has_at) {
		m->at = v;
		m->has_at = true;
	} else if (str_eq(key, "numbytes") && m->has_at) {
		m->has_at = false;
		return map_add(m, m->at, v, err);
	} else if (str_eq(key, "major") && v <= 1) {
		m->in_data = v == 1;
	} else if (!str_eq(key, "numblocks") && (!str_eq(key, "minor") || v > 1)) {
		return error_say(err, ENOTSUP, "tar header: GNU.sparse.%.40s=%.40s is not known", key, text);
	}
	return 0;
}

/* Lines of the map in the data, up to the last one; the rest of that block is padding. */
static int map_lines(struct tar_reader *r, const uint8_t *block, struct error *err)
{
	for (size_t i = 0; i < TAR_BLOCK && r->map_left; i++) {
		uint8_t c = block[i];

		if (c >= '0' && c <= '9' && r->map_number < INT64_MAX / 10) {
			r->map_number = 10 * r->map_number + (c - '0');
			r->map_digits = true;
			continue;
		}
		if (c != '\n' || !r->map_digits)
			return error_say(err, EINVAL, "tar header: bad map of holes");
		if (r->map_left < 0) {
			if (r->map_number > TAR_SEGMENTS_MAX)
				return map_add(&(struct tar_map){ .count = TAR_SEGMENTS_MAX }, 0, 0, err);
			r->map_left = 2 * (int64_t)r->map_number;
		} else {
			bool length = r->map_left-- % 2;

			if (!length)
				r->local.map.at = r->map_number;
			else if (map_add(&r->local.map, r->local.map.at, r->map_number, err) < 0)
				return -1;
		}
		r->map_number = 0;
		r->map_digits = false;
	}
	return r->map_left ? TAR_SPARSE : map_finish(r, err);
}

/* --- GNU --- */

/* A length that was left empty ends the list. */
static int gnu_segments(struct tar_reader *r, const uint8_t *block, size_t at, size_t count, struct error *err)
{
	for (; count; count--, at += GNU_SEGMENT) {
		const struct number_field offset = { at, 12, "map of holes", 0, INT64_MAX },
					  length = { at + 12, 12, "map of holes", 0, INT64_MAX };
		int64_t from, n;

		if (!block[length.at])
			return 0;
		if (tar_number(block, &offset, &from, err) < 0 || tar_number(block, &length, &n, err) < 0 ||
		    map_add(&r->local.map, (uint64_t)from, (uint64_t)n, err) < 0)
			return -1;
	}
	return 0;
}

int map_gnu_header(struct tar_reader *r, const uint8_t *block, struct error *err)
{
	int64_t size;

	if (tar_number(block, &field_real_size, &size, err) < 0)
		return -1;
	r->local.map.size = (uint64_t)size;
	r->local.map.given = true;
	r->map_gnu = block[482] != 0;
	return gnu_segments(r, block, 386, GNU_FIRST, err);
}

/* --- both --- */

int map_begin(struct tar_reader *r, struct error *err)
{
	r->map_left = -1;
	r->map_number = 0;
	r->map_digits = false;
	return r->map_gnu || r->local.map.in_data ? TAR_SPARSE : map_finish(r, err);
}

int tar_sparse(struct tar_reader *r, const uint8_t block[TAR_BLOCK], struct error *err)
{
	if (r->map_gnu) {
		if (gnu_segments(r, block, 0, GNU_MORE, err) < 0)
			return -1;
		r->map_gnu = block[504] != 0;
		return r->map_gnu ? TAR_SPARSE : map_finish(r, err);
	}
	if (r->entry.stored < TAR_BLOCK)
		return map_refuse(r, err);
	r->entry.stored -= TAR_BLOCK;
	return map_lines(r, block, err);
}
