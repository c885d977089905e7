/* The reader: parse.c turns events into nodes, parse_merge.c completes mappings, parse_node.c makes nodes for both. */
#pragma once

#include <yaml.h>

#include "node.h"

struct level {
	struct node *node;
	struct node *key; /* of a map: the key whose value comes next */
	size_t capacity;
	size_t anchor; /* index + 1 of the anchor that becomes usable when it is complete, 0: none */
};

struct anchor {
	char *name;
	struct node *node; /* NULL while it is open */
};

struct reader {
	yaml_parser_t parser;
	const struct text_file *file;
	struct arena *arena;
	struct diags *diags;
	struct level stack[YAML_DEPTH];
	size_t depth;
	struct anchor *anchors;
	size_t anchor_count;
	size_t nodes;
	struct node *root;
	bool failed; /* nothing sensible can follow */
};

struct position reader_position(const struct reader *r, yaml_mark_t start, yaml_mark_t end);
/* Nothing sensible can follow. */
void reader_lack_memory(struct reader *r);
/* NULL, and the reader has failed, when there are too many. */
struct node *reader_node(struct reader *r, enum node_kind kind, const yaml_event_t *e);
struct node *reader_node_copy(struct reader *r, const struct node *from, const yaml_event_t *e);
/* Appends to a list, or the value of the level's key to a map. */
bool level_push(struct reader *r, struct level *l, struct node *item);

/* --- mappings that are complete (parse_merge.c) --- */
void map_check_duplicates(struct reader *r, const struct node *map);
/* Takes a "<<" out of the map and merges what it names: own keys win, then the first of a list. */
void level_merge(struct reader *r, struct level *l);
