#include "arena.h"

#include <stdint.h>
#include <string.h>

struct arena_chunk {
	struct arena_chunk *next;
	size_t size;
	max_align_t data[];
};

enum { CHUNK = 32 << 10 };

void *arena_alloc(struct arena *a, size_t n)
{
	const size_t align = _Alignof(max_align_t);
	void *p;

	if (n > SIZE_MAX / 2)
		return NULL;
	n = (n + align - 1) & ~(align - 1);
	if (!a->chunks || a->chunks->size - a->used < n) {
		size_t size = n > CHUNK ? n : CHUNK;
		struct arena_chunk *c = calloc(1, sizeof *c + size);

		if (!c)
			return NULL;
		c->size = size;
		c->next = a->chunks;
		a->chunks = c;
		a->used = 0;
	}
	p = (char *)a->chunks->data + a->used;
	a->used += n;
	a->total += n;
	return p;
}

char *arena_copy(struct arena *a, const void *data, size_t n)
{
	char *p = n < SIZE_MAX ? arena_alloc(a, n + 1) : NULL;

	if (p && n)
		memcpy(p, data, n);
	return p;
}

void arena_free(struct arena *a)
{
	while (a->chunks) {
		struct arena_chunk *c = a->chunks;

		a->chunks = c->next;
		free(c);
	}
	*a = (struct arena){ 0 };
}
