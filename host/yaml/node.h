/* A YAML document as a tree of typed nodes, each with its position.
 *
 * The reading is that of the YAML library LinuxKit uses (a mixture of YAML 1.1 and 1.2): integers with a leading zero
 * are octal, underscores in numbers are dropped, 0x, 0o and 0b are known, `yes` and `no` are text, `true` and `false`
 * are not, an unknown tag makes a scalar text. Anchors, aliases and merge keys (`<<`) are resolved: a node that
 * was reached through an alias keeps the position of the anchored text. Only the first document is read.
 *
 * Refused, each with its position: duplicate keys, keys that are not text, aliases to an unknown or an enclosing
 * node, more than 100 levels, YAML_NODES nodes (aliases expanded) or YAML_BYTES bytes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "diag.h"

enum {
	YAML_BYTES = 8 << 20,
	YAML_NODES = 200000,
	YAML_DEPTH = 100,
};

enum node_kind {
	NODE_NULL,
	NODE_BOOL,
	NODE_INT,  /* fits int64_t */
	NODE_UINT, /* 2^63 and above */
	NODE_FLOAT,
	NODE_STRING,
	NODE_LIST,
	NODE_MAP,
};

struct record;

struct node {
	enum node_kind kind;
	bool quoted; /* a scalar in quotes or a block scalar */
	struct position at;
	const char *text; /* scalars: the value as text, `len` bytes and a NUL behind */
	size_t len;
	union {
		bool boolean;
		int64_t integer;
		uint64_t natural;
		double real;
	};
	const char *package; /* of an image's name: the directory of the package that it was written as, else NULL */
	struct node **items; /* lists: the elements; maps: key, value, key, value ... */
	size_t count;        /* of elements or pairs */
	/* Filled by schema_check() for a map that is a record: its values by field number, NULL where absent. */
	const struct record *record;
	struct node **fields;
};

/* Parses text (which must outlive the nodes, being what `file` points at). NULL when nothing usable came of it: the
 * reason is in diags then, unless there is no memory. */
struct node *yaml_parse(const struct text_file *file, struct arena *arena, struct diags *diags);

/* Sets kind and value of a scalar from its text. tag: NULL, or as written in full ("tag:yaml.org,2002:int").
 * NULL, or why the text does not fit the tag. */
const char *scalar_resolve(struct node *n, const char *tag, struct arena *arena);

/* "text", "a list" ...: for messages. */
const char *node_kind_name(enum node_kind kind);
/* The value of a key of a map, NULL where there is none. */
struct node *node_get(const struct node *map, const char *key);
