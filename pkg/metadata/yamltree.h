/* YAML as a tree, for the few documents of cloud-init that are read. By libyaml, with bounds: what somebody else wrote
 * must not take the machine's memory. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "arena.h"
#include "error.h"

enum {
	YAML_TEXT_MAX = 4 * 1024 * 1024, /* bytes of a document */
	YAML_NODES_MAX = 300 * 1000,
	YAML_DEPTH_MAX = 64,
};

enum ynode_kind {
	YNODE_SCALAR,
	YNODE_LIST,
	YNODE_MAP,
};

struct ynode {
	enum ynode_kind kind;
	size_t line;      /* from 1 */
	const char *text; /* of a scalar: len bytes, any of them 0, and a NUL behind them */
	size_t len;
	bool plain;           /* without quotes */
	bool binary;          /* tagged !!binary: the text is base64 */
	struct ynode *first;  /* of a list or map: children; those of a map are key, value, key, value ... */
	struct ynode *next;   /* the next child of the same parent */
	struct ynode *target; /* an alias stands for that one */
};

/* The first document of the text; everything is the arena's. *root is NULL where the document is empty. */
int yamltree_parse(const char *text, size_t n, struct arena *arena, struct ynode **root, struct error *err);

/* The value of a map's key; NULL: it is not there, null, or `map` is NULL or no map. */
const struct ynode *ynode_get(const struct ynode *map, const char *key);
/* The text of a scalar without a byte 0, else NULL. */
const char *ynode_text(const struct ynode *n);
/* The children of a list or map; NULL for others. Each has to go through ynode_real(). */
const struct ynode *ynode_children(const struct ynode *n);
/* The node itself, or the one that it is an alias of. */
const struct ynode *ynode_real(const struct ynode *n);
/* null, in YAML's spellings of it. */
bool ynode_null(const struct ynode *n);
