/* A YAML document as a tree of typed nodes, each with its position. */
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

/* "text", "a list" ...: for messages. */
const char *node_kind_name(enum node_kind kind);
/* The value of a key of a map, NULL where there is none. */
struct node *node_get(const struct node *map, const char *key);
/* The number of an integer that was checked, whichever way it was written. Negative ones are two's complement. */
uint64_t node_number(const struct node *n);
