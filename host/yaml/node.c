/* Look-ups in nodes. */
#include "node.h"

#include "str.h"

struct node *node_get(const struct node *map, const char *key)
{
	size_t i;

	if (map->kind != NODE_MAP)
		return NULL;
	for (i = 0; i < map->count; i++)
		if (str_eq(map->items[2 * i]->text, key))
			return map->items[2 * i + 1];
	return NULL;
}

const char *node_kind_name(enum node_kind kind)
{
	static const char *const names[] = {
		[NODE_NULL] = "nothing",  [NODE_BOOL] = "true or false", [NODE_INT] = "a number",
		[NODE_UINT] = "a number", [NODE_FLOAT] = "a number",     [NODE_STRING] = "text",
		[NODE_LIST] = "a list",   [NODE_MAP] = "a mapping",
	};

	return names[kind];
}

uint64_t node_number(const struct node *n)
{
	switch (n->kind) {
	case NODE_INT:
		return (uint64_t)n->integer;
	case NODE_UINT:
		return n->natural;
	case NODE_FLOAT:
		return n->real < 0 ? (uint64_t)(int64_t)n->real : (uint64_t)n->real;
	default:
		return 0;
	}
}
