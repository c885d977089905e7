/* Writing nodes: dump.c makes one node of a configuration, dump_yaml.c and dump_json.c write it. */
#pragma once

#include "buf.h"
#include "jsonw.h"
#include "schema.h"

/* --- dump_json.c --- */
/* The value to write for a field: NULL where there is none. */
const struct node *field_present(const struct node *n, size_t i, const struct field *f);
void json_number(struct jsonw *w, const char *key, const struct node *n);
void json_value(struct jsonw *w, const char *key, const struct node *v, const struct field *f);

/* --- dump_yaml.c --- */
struct yaml_writer {
	struct buf *out;
	bool metadata; /* keys that have no effect are written in LinuxKit's way, by which they cannot be read again */
	bool failed;
};
void yaml_put(struct yaml_writer *w, const char *s);
/* Behind "key:" in a block of the given depth. */
void yaml_put_value(struct yaml_writer *w, const struct node *v, const struct field *f, int depth);
