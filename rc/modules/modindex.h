/* The binary index files that depmod(8) makes (modules.alias.bin, modules.dep.bin, ...): a trie from keys, in which
 * aliases have the wildcards of fnmatch(3), to values. Nothing is copied: the bytes stay the caller's.
 *
 * Format, all numbers big-endian 32 bit: magic B007F457, version (2 in the upper half), reference of the root node.
 * A reference's upper four bits say what the node at the offset in its lower 28 bits has, in this order: 8 a prefix,
 * NUL-terminated; 2 children: first and last character (a byte each), then a reference (0: none) for each
 * character between; 4 values: their count, then for each a priority and a NUL-terminated text. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

struct modindex {
	const uint8_t *data;
	size_t size;
	uint32_t root;
};

/* Checks the header. What lies behind it is checked as it is walked. */
int modindex_open(const void *data, size_t size, struct modindex *out, struct error *err);

/* Whether it has no key at all: its root has nothing. */
static inline bool modindex_empty(const struct modindex *index)
{
	return index->root >> 28 == 0;
}

/* priority: the smaller, the better. `value` points into the index. Greater than 0 ends the search, and is
 * what that returns; otherwise 0. */
typedef int modindex_fn(void *data, uint32_t priority, const char *value);

/* The value of exactly this key, the first if there are several; NULL: none (or damaged). */
const char *modindex_value(const struct modindex *index, const char *key);

/* Calls back for every value of every key that matches the text, in no special order. -1: the index is damaged, or the
 * search is beyond every bound that real ones keep. */
int modindex_match(const struct modindex *index, const char *text, modindex_fn *fn, void *data, struct error *err);
