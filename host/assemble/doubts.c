/* Doubts about a configuration alone: quotes that are part of a text, files below what init mounts over. */
#include "doubts.h"

#include <string.h>

#include "str.h"

static size_t char_count(const char *s, char c)
{
	size_t n = 0;

	for (; (s = strchr(s, c)) != NULL; s++)
		n++;
	return n;
}

/* Text without quotes of its own in the YAML, with one quote in it: `["/bin/x", /data"]`. An apostrophe may stand
 * inside of words. */
static bool half_quoted(const struct node *n)
{
	if (n->quoted || n->kind != NODE_STRING)
		return false;
	if (char_count(n->text, '"') % 2)
		return true;
	return char_count(n->text, '\'') % 2 && (str_ends(n->text, "'") || strstr(n->text, "='"));
}

static void check_text(struct config *c, const struct node *n, const struct where *where)
{
	if (!half_quoted(n))
		return;
	diag_warning(&c->diags, n->at, where, "the quote is part of the text: %s", n->text);
	diag_hint(&c->diags,
		  "one is missing in front or behind; where it is meant, write the text in quotes of the other kind");
}

static void check_texts(struct config *c, const struct node *n, const struct where *where);

static void check_value(struct config *c, const struct field *f, const struct node *v, const struct where *where)
{
	size_t i, step = f->type == FIELD_TEXTS ? 2 : 1;

	switch (f->type) {
	case FIELD_STRING:
		check_text(c, v, where);
		return;
	case FIELD_STRINGS:
	case FIELD_RECORDS:
	case FIELD_TEXTS:
		for (i = 0; i < v->count; i++) {
			const struct node *item = v->items[i * step + step - 1];
			struct where here = { .up = where, .index = i };

			if (f->type == FIELD_RECORDS)
				check_texts(c, item, &here);
			else
				check_text(c, item, f->type == FIELD_TEXTS ? where : &here);
		}
		return;
	case FIELD_RECORD:
		check_texts(c, v, where);
		return;
	default:
		return;
	}
}

static void check_texts(struct config *c, const struct node *n, const struct where *where)
{
	size_t i;

	for (i = 0; n->record && i < n->record->count; i++) {
		const struct field *f = &n->record->fields[i];
		const struct node *v = node_field(n, i);
		struct where here = { .up = where, .key = f->key };

		if (v && !str_eq(f->key, "contents"))
			check_value(c, f, v, &here);
	}
}

static void check_quotes(struct config *c)
{
	struct where kernel = { .key = "kernel" }, where[2];
	size_t s, i;

	for (i = 0; i < KERNEL_COUNT; i++) {
		struct where here = { .up = &kernel, .key = kernel_record.fields[i].key };

		if (c->kernel[i])
			check_value(c, &kernel_record.fields[i], c->kernel[i], &here);
	}
	for (s = 0; s < SECTIONS; s++) {
		for (i = 0; i < c->sections[s].count; i++) {
			where_entry(where, section_names[s], &c->sections[s].list[i]);
			check_texts(c, c->sections[s].list[i].node, &where[1]);
		}
	}
	for (i = 0; i < c->added.count; i++) {
		where_entry(where, "files", &c->added.list[i]);
		check_texts(c, c->added.list[i].node, &where[1]);
	}
}

/* What rc.init mounts over, ours and LinuxKit's. */
static const char *const init_mounts[] = { "dev", "proc", "run", "sys", "tmp", "var" };

/* The one of them that a path is below, NULL: none. */
static const char *hidden_by(const char *path)
{
	size_t i, n;

	path += strspn(path, "/.");
	for (i = 0; i < array_len(init_mounts); i++) {
		n = strlen(init_mounts[i]);
		if (str_starts(path, init_mounts[i]) && path[n] == '/' && path[n + strspn(path + n, "/.")])
			return init_mounts[i];
	}
	return NULL;
}

static void check_hidden(struct config *c)
{
	struct where where[2];
	size_t i;

	for (i = 0; c->init.count && i < c->added.count; i++) {
		const struct node *n = c->added.list[i].node, *path = node_field(n, FILE_PATH);
		const char *mount = path ? hidden_by(path->text) : NULL;

		if (!mount)
			continue;
		where_entry(where, "files", &c->added.list[i]);
		diag_warning(&c->diags, path->at, &where[1],
			     "init mounts a file system over /%s: the running machine will not have this", mount);
		if (node_true(n, FILE_DIRECTORY))
			diag_hint(&c->diags, "have a container make it at boot: `runtime: {mkdir: [\"/%s\"]}`",
				  path->text + strspn(path->text, "/."));
		else
			diag_hint(&c->diags, "put it elsewhere, such as below /etc, and bind it from there");
	}
}

void doubts_config(struct config *c)
{
	check_quotes(c);
	check_hidden(c);
}
