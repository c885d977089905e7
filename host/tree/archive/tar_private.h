/* Shared by the files that read tar: tar.c (headers) calls tar_pax.c (overrides) and tar_sparse.c (maps of holes), and
 * all call tar_number.c. */
#pragma once

#include "tar.h"

struct number_field {
	size_t at, len;
	const char *name;
	int64_t min, max;
};

/* A number of a header block, octal or base-256, within the field's bounds. */
int tar_number(const uint8_t *block, const struct number_field *f, int64_t *out, struct error *err);

/* Octal digits between blanks or NULs; -1 for anything else. */
int tar_octal(const uint8_t *p, size_t n, int64_t *out);

/* --- what stands in front of a header (tar_pax.c) --- */
void overrides_clear(struct tar_overrides *o);

/* --- files with holes (tar_sparse.c) --- */
void map_clear(struct tar_map *m);
/* A pax record of a key "GNU.sparse.KEY". */
int map_record(struct tar_map *m, const char *key, const char *text, struct error *err);
/* The map in a header block of type 'S'. */
int map_gnu_header(struct tar_reader *r, const uint8_t *block, struct error *err);
/* Says what comes next for an entry with a map: its blocks, or the content. */
int map_begin(struct tar_reader *r, struct error *err);
