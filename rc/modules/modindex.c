#include "modindex.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdbool.h>
#include <string.h>

enum {
	MAGIC = (int)0xB007F457,
	VERSION_MAJOR = 2,
	HAS_PREFIX = 8,
	HAS_VALUES = 4,
	HAS_CHILDREN = 2,
	KEY_MAX = 512,       /* aliases are at most some 200 characters */
	NODES_MAX = 1 << 20, /* looked at by one search: a damaged index may have cycles */
};

struct node {
	const char *prefix;
	uint8_t first, last;     /* of the children; first > last: there are none */
	const uint8_t *children; /* one reference a character */
	const uint8_t *values;
	uint32_t value_count;
};

static uint32_t be32_read(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

int modindex_open(const void *data, size_t size, struct modindex *out, struct error *err)
{
	const uint8_t *p = data;

	if (size < 12 || be32_read(p) != (uint32_t)MAGIC || be32_read(p + 4) >> 16 != VERSION_MAJOR)
		return error_set(err, 0, "not an index of kernel modules");
	*out = (struct modindex){ .data = p, .size = size, .root = be32_read(p + 8) };
	return 0;
}

/* The text at *at, which moves past its NUL; NULL when it does not end. */
static const char *text_take(const struct modindex *x, size_t *at)
{
	const uint8_t *start = x->data + *at, *end = memchr(start, '\0', x->size - *at);

	if (!end)
		return NULL;
	*at = (size_t)(end + 1 - x->data);
	return (const char *)start;
}

static int node_read(const struct modindex *x, uint32_t reference, struct node *out)
{
	unsigned has = reference >> 28;
	size_t at = reference & 0x0fffffff, count;

	*out = (struct node){ .prefix = "", .first = 1 };
	if (at == 0 || at >= x->size)
		return -1;
	if ((has & HAS_PREFIX) && !(out->prefix = text_take(x, &at)))
		return -1;
	if (has & HAS_CHILDREN) {
		if (x->size - at < 2)
			return -1;
		out->first = x->data[at];
		out->last = x->data[at + 1];
		at += 2;
		count = out->last >= out->first ? (size_t)(out->last - out->first) + 1 : 0;
		if ((x->size - at) / 4 < count)
			return -1;
		out->children = x->data + at;
		at += 4 * count;
	}
	if (has & HAS_VALUES) {
		if (x->size - at < 4)
			return -1;
		out->value_count = be32_read(x->data + at);
		out->values = x->data + at + 4;
	}
	return 0;
}

static uint32_t node_child(const struct node *n, unsigned char c)
{
	return c >= n->first && c <= n->last ? be32_read(n->children + 4 * (size_t)(c - n->first)) : 0;
}

const char *modindex_value(const struct modindex *x, const char *key)
{
	uint32_t reference = x->root;
	struct node n;
	size_t length, at;

	for (;;) {
		if (reference == 0 || node_read(x, reference, &n) < 0)
			return NULL;
		length = strlen(n.prefix);
		if (strncmp(key, n.prefix, length) != 0)
			return NULL;
		key += length;
		if (*key == '\0')
			break;
		reference = node_child(&n, (unsigned char)*key++);
	}
	if (n.value_count == 0)
		return NULL;
	at = (size_t)(n.values - x->data);
	if (x->size - at < 4)
		return NULL;
	at += 4;
	return text_take(x, &at);
}

/* --- matching ---------------------------------------------------------------------------------------- */

/* A search: below the first wildcard the key is collected and compared as a whole. */
struct search {
	const struct modindex *x;
	modindex_fn *fn;
	void *data;
	unsigned nodes;        /* looked at so far */
	char pattern[KEY_MAX]; /* what was collected since the first wildcard */
};

enum { DAMAGED = -1 };

static int values_give(const struct search *s, const struct node *n)
{
	size_t at = n->values ? (size_t)(n->values - s->x->data) : 0;
	const char *value;
	uint32_t priority;
	int r;

	for (uint32_t i = 0; i < n->value_count; i++) {
		if (s->x->size - at < 4)
			return DAMAGED;
		priority = be32_read(s->x->data + at);
		at += 4;
		value = text_take(s->x, &at);
		if (!value)
			return DAMAGED;
		r = s->fn(s->data, priority, value);
		if (r != 0)
			return r;
	}
	return 0;
}

static int walk_collect(struct search *s, const struct node *n, size_t length, const char *rest);

/* Goes down to a child by `c`, which is collected, as is the child's prefix. */
static int collect_child(struct search *s, uint32_t reference, size_t length, unsigned char c, const char *rest)
{
	struct node n;
	size_t prefix;

	if (++s->nodes > NODES_MAX || node_read(s->x, reference, &n) < 0)
		return DAMAGED;
	prefix = strlen(n.prefix);
	if (length + prefix + 2 > KEY_MAX)
		return DAMAGED;
	s->pattern[length] = (char)c;
	memcpy(s->pattern + length + 1, n.prefix, prefix);
	return walk_collect(s, &n, length + 1 + prefix, rest);
}

/* Everything at and below a node, whose key since the first wildcard is the `length` characters collected so far.
 * `rest` is the part of the text that such a key has to match. */
static int walk_collect(struct search *s, const struct node *n, size_t length, const char *rest)
{
	for (unsigned c = n->first; c <= n->last; c++) {
		uint32_t child = node_child(n, (unsigned char)c);
		int r = child ? collect_child(s, child, length, (unsigned char)c, rest) : 0;

		if (r != 0)
			return r;
	}
	if (n->value_count == 0)
		return 0;
	s->pattern[length] = '\0';
	return fnmatch(s->pattern, rest, 0) == 0 ? values_give(s, n) : 0;
}

static int collect_prefix(struct search *s, const struct node *n, const char *wild, const char *rest)
{
	size_t length = strlen(wild);

	if (length + 2 > KEY_MAX)
		return DAMAGED;
	memcpy(s->pattern, wild, length);
	return walk_collect(s, n, length, rest);
}

static bool is_wildcard(char c)
{
	return c == '*' || c == '?' || c == '[';
}

/* Walks down along the text; at each node the branches that start with a wildcard are tried, too. */
static int walk_match(struct search *s, const char *text)
{
	static const char wildcards[] = "*?[";
	uint32_t reference = s->x->root;
	struct node n;
	int r;

	while (reference != 0) {
		const char *prefix;

		if (++s->nodes > NODES_MAX || node_read(s->x, reference, &n) < 0)
			return DAMAGED;
		for (prefix = n.prefix; *prefix; prefix++, text++) {
			if (is_wildcard(*prefix))
				return collect_prefix(s, &n, prefix, text);
			if (*prefix != *text)
				return 0;
		}
		for (const char *w = wildcards; *w; w++) {
			uint32_t child = node_child(&n, (unsigned char)*w);

			r = child ? collect_child(s, child, 0, (unsigned char)*w, text) : 0;
			if (r != 0)
				return r;
		}
		if (*text == '\0')
			return values_give(s, &n);
		reference = node_child(&n, (unsigned char)*text++);
	}
	return 0;
}

int modindex_match(const struct modindex *x, const char *text, modindex_fn *fn, void *data, struct error *err)
{
	struct search s = { .x = x, .fn = fn, .data = data };
	int r = modindex_empty(x) ? 0 : walk_match(&s, text);

	return r == DAMAGED ? error_set(err, EBADMSG, "index of kernel modules") : r;
}
