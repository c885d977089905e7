/* Shared by the files that read tar. */
#pragma once

#include "tar.h"

struct number_field {
	size_t at, len;
	const char *name;
	int64_t min, max;
};

/* A number of a header block, octal or base-256, within the field's bounds. */
int tar_number(const uint8_t *block, const struct number_field *f, int64_t *out, struct error *err);

/* --- files with holes (tar_sparse.c) --- */
void map_clear(struct tar_map *m);
/* A pax record of a key "GNU.sparse.KEY". */
int map_record(struct tar_map *m, const char *key, const char *text, struct error *err);
/* The map in a header block of type 'S'. */
int map_gnu_header(struct tar_reader *r, const uint8_t *block, struct error *err);
/* Says what comes next for an entry with a map: its blocks, or the content. */
int map_begin(struct tar_reader *r, struct error *err);
