/* A doubly linked list through the members: a `struct list` is the head, and another one in each member its place.
 * Both point to themselves when empty or in no list. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next, *prev;
};

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}
static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

/* At the end; the member must be in no list. */
static inline void list_append(struct list *l, struct list *member)
{
	member->prev = l->prev;
	member->next = l;
	l->prev->next = member;
	l->prev = member;
}

/* At the start; likewise. */
static inline void list_prepend(struct list *l, struct list *member)
{
	list_append(l->next, member);
}

/* Legal for one that is in no list. */
static inline void list_remove(struct list *member)
{
	member->prev->next = member->next;
	member->next->prev = member->prev;
	list_init(member);
}

/* The struct of this type that has the list's place as its member. */
#define list_entry(place, type, member) ((type *)(void *)((char *)(place)-offsetof(type, member)))
