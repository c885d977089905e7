/* Shared by the files that make config.json. spec.c writes the whole and calls process.c (which calls capabilities.c
 * and rlimits.c), mounts.c and linux.c; all of them choose their values by values.c. */
#pragma once

#include "jsonw.h"
#include "spec.h"

struct spec_builder {
	const struct spec_input *in;
	struct diags *diags;
	const struct node *yaml, *label;
	struct where where[2]; /* of the entry: where[1] */
	struct jsonw json;
	bool good;
};

/* A list put together of one or two lists of text. */
struct texts {
	const struct node *first, *second;
	const char *first_key, *second_key;
	bool first_from_label;
};

static inline size_t texts_count(const struct texts *t)
{
	return (t->first ? t->first->count : 0) + (t->second ? t->second->count : 0);
}

static inline const struct node *texts_at(const struct texts *t, size_t i)
{
	size_t n = t->first ? t->first->count : 0;

	return i < n ? t->first->items[i] : t->second->items[i - n];
}

/* Reports a problem of a value: printf-like, then diag_hint() may follow. */
void spec_error(struct spec_builder *b, const struct node *at, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* The YAML's value, else the label's. */
const struct node *spec_pick(const struct spec_builder *b, size_t field);
/* The same for texts of which an empty one counts as none; fallback where both are. */
const char *spec_pick_text(const struct spec_builder *b, size_t field, const char *fallback);
/* The YAML's list, else the label's list followed by the YAML's .add list. */
struct texts spec_pick_added(const struct spec_builder *b, size_t field, size_t add);
/* The list of a field, as texts. */
struct texts spec_pick_texts(const struct spec_builder *b, size_t field);

/* A list of texts, a mapping of texts; empty ones are not written. */
void value_write_texts(struct spec_builder *b, const char *key, const struct node *list);
void value_write_mapping(struct spec_builder *b, const char *key, const struct node *map);

/* Parts of config.json, each written where it belongs. */
void spec_process(struct spec_builder *b);
void spec_linux(struct spec_builder *b);
void spec_mounts(struct spec_builder *b, bool readonly);
void spec_capabilities(struct spec_builder *b);
void spec_rlimits(struct spec_builder *b);
