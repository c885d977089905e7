/* Look-ups in a configuration, and its end. load.c fills it, check.c checks it, dump.c writes it out. */
#include "model.h"

#include <stdlib.h>
#include <string.h>

#include "str.h"

const char *const section_names[SECTIONS] = {
	[SECTION_ONBOOT] = "onboot",
	[SECTION_ONSHUTDOWN] = "onshutdown",
	[SECTION_SERVICES] = "services",
};

void config_free(struct config *c)
{
	size_t i;

	while (c->files) {
		struct text_file *f = c->files;

		c->files = f->next;
		free(f->name);
		free(f->text);
		free(f);
	}
	free(c->init.list);
	free(c->volumes.list);
	free(c->added.list);
	for (i = 0; i < SECTIONS; i++)
		free(c->sections[i].list);
	arena_free(&c->arena);
	diags_free(&c->diags);
	*c = (struct config){ 0 };
}

void where_entry(struct where where[static 2], const char *key, const struct entry *e)
{
	const char *label = NULL;

	if (e->node->record == &file_record)
		label = node_text(e->node, FILE_PATH);
	else if (e->node->record == &volume_record)
		label = node_text(e->node, VOLUME_NAME);
	else if (e->node->record == &container_record)
		label = node_text(e->node, CONTAINER_NAME);
	where[0] = (struct where){ .key = key };
	where[1] = (struct where){ .up = &where[0], .index = e->index, .label = label };
}

void config_lack_memory(struct config *c)
{
	diag_error(&c->diags, (struct position){ 0 }, NULL, "no memory");
}

struct text_file *config_add_text(struct config *c, const char *name, char *text, size_t len)
{
	struct text_file *f = calloc(1, sizeof *f);

	if (f)
		f->name = strdup(name);
	if (!f || !f->name || !text) {
		free(f ? f->name : NULL);
		free(f);
		free(text);
		return NULL;
	}
	f->text = text;
	f->len = len;
	f->number = c->files ? c->files->number + 1 : 1;
	f->next = c->files;
	c->files = f;
	return f;
}

bool config_id(const struct config *c, const char *name, uint32_t *id)
{
	uint32_t next = 100;
	bool found = false;
	size_t s, i;

	for (s = 0; s < SECTIONS; s++) {
		for (i = 0; i < c->sections[s].count; i++, next++) {
			if (!str_eq(node_text(c->sections[s].list[i].node, CONTAINER_NAME), name))
				continue;
			*id = next;
			found = true;
		}
	}
	return found;
}

static const char *container_name(size_t i, const void *data)
{
	const struct config *c = data;
	size_t s;

	for (s = 0; s < SECTIONS; i -= c->sections[s].count, s++)
		if (i < c->sections[s].count)
			return node_text(c->sections[s].list[i].node, CONTAINER_NAME);
	return NULL;
}

void config_doubt_owner(struct config *c, const struct node *n, const struct where *where)
{
	if (n && n->kind == NODE_INT && (n->integer > UINT32_MAX || n->integer < INT32_MIN))
		diag_warning(&c->diags, n->at, where, "numbers end at 4294967295, this is %u, as LinuxKit has it",
			     (uint32_t)n->integer);
}

bool config_owner(struct config *c, const struct node *n, const char *key, const struct where *where, uint32_t *id)
{
	*id = 0;
	if (!n || str_eq(n->text, ""))
		return true;
	if (n->kind == NODE_INT) {
		*id = (uint32_t)n->integer;
		return true;
	}
	if (str_eq(n->text, "root") || config_id(c, n->text, id))
		return true;
	diag_error(&c->diags, n->at, where, "no container is called \"%s\"", n->text);
	if (n->text[strspn(n->text, "0123456789")] == '\0')
		diag_hint(&c->diags, "a number is written without quotes: `%s: %s`", key, n->text);
	else
		diag_suggest(&c->diags, n->text, container_name, c);
	return false;
}

bool mode_parse(const char *text, uint32_t *out)
{
	uint32_t v = 0;

	if (*text == '+')
		text++;
	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '7' || v > INT32_MAX >> 3)
			return false;
		v = v << 3 | (uint32_t)(*text - '0');
	}
	*out = v;
	return true;
}

const struct node *config_volume(const struct config *c, const char *name)
{
	size_t i;

	for (i = 0; i < c->volumes.count; i++) {
		const char *have = node_text(c->volumes.list[i].node, VOLUME_NAME);

		if (have && str_eq(have, name))
			return c->volumes.list[i].node;
	}
	return NULL;
}
