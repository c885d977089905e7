#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "annotations.h"
#include "ref.h"
#include "str.h"

const char *const section_names[SECTIONS] = {
	[SECTION_ONBOOT] = "onboot",
	[SECTION_ONSHUTDOWN] = "onshutdown",
	[SECTION_SERVICES] = "services",
};

enum { NAME_MAX_LEN = 128, SYMLINK_MAX = 4095 };

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

/* --- one file ------------------------------------------------------------------------------------------------ */

static void no_memory(struct config *c)
{
	diag_error(&c->diags, (struct position){ 0 }, NULL, "no memory");
}

/* A container that lacks its name or image was reported; nothing more can be said about it. */
static bool complete(const struct node *n)
{
	return n->record != &container_record || (n->fields[CONTAINER_NAME] && n->fields[CONTAINER_IMAGE]);
}

static void append(struct config *c, struct entries *to, const struct node *list)
{
	struct entry *bigger;
	size_t i;

	if (!list || !list->count)
		return;
	bigger = reallocarray(to->list, to->count + list->count, sizeof *bigger);
	if (!bigger) {
		no_memory(c);
		return;
	}
	to->list = bigger;
	for (i = 0; i < list->count; i++)
		if (complete(list->items[i]))
			bigger[to->count++] = (struct entry){ .node = list->items[i], .index = i };
}

static void merge_kernel(struct config *c, const struct node *kernel)
{
	size_t i;

	for (i = 0; i < KERNEL_COUNT; i++) {
		const struct node *v = node_field(kernel, i);

		/* an empty text overrides only where it is a value of its own */
		if (v && (v->len || i == KERNEL_TAR || i == KERNEL_UCODE))
			c->kernel[i] = v;
	}
}

struct package_context {
	struct config *c;
	const char *dir;
	const struct package_resolver *packages;
};

static bool is_package(const struct node *n)
{
	return n->kind == NODE_STRING && strlen(n->text) == n->len && str_starts(n->text, "@pkg:");
}

/* Replaces "@pkg:DIRECTORY" by the name of the image that is built from it. */
static bool replace(struct package_context *p, struct node *n, struct error *err)
{
	const char *tail = n->text + strlen("@pkg:");
	_cleanup_free_ char *path = *tail == '/' ? strdup(tail) : str_format("%s/%s", p->dir, tail), *name = NULL;

	name = path ? p->packages->resolve(path, p->packages->data, err) : NULL;
	if (!name)
		return false;
	n->len = strlen(name);
	n->text = arena_copy(&p->c->arena, name, n->len);
	n->package = arena_copy(&p->c->arena, path, strlen(path));
	if (!n->text) {
		n->text = "";
		no_memory(p->c);
	}
	return true;
}

static void resolve_package(struct package_context *p, struct node *image, const struct where *where)
{
	_cleanup_error_ struct error err = { 0 };

	if (!image || !is_package(image))
		return;
	if (!p->dir || !p->packages)
		diag_error(&p->c->diags, image->at, where, "\"%s\" works only in a local file", image->text);
	else if (!replace(p, image, &err))
		diag_error(&p->c->diags, image->at, where, "cannot resolve \"%s\": %s", image->text, error_text(&err));
}

/* Other values may name packages too, as an argument of a command does; text that is none of them stays what it is. */
static void resolve_values(struct package_context *p, struct node *n)
{
	size_t i;

	if (is_package(n)) {
		_cleanup_error_ struct error err = { 0 };

		if (!replace(p, n, &err))
			diag_warning(&p->c->diags, n->at, NULL, "\"%s\" is left as it is: %s", n->text,
				     error_text(&err));
		return;
	}
	for (i = 0; n->kind == NODE_LIST && i < n->count; i++)
		resolve_values(p, n->items[i]);
	for (i = 0; n->kind == NODE_MAP && i < n->count; i++)
		resolve_values(p, n->items[2 * i + 1]);
}

static void resolve_list(struct package_context *p, const struct node *list, const char *key, ssize_t field)
{
	size_t i;

	for (i = 0; list && i < list->count; i++) {
		struct entry e = { list->items[i], i };
		struct where where[2];

		where_entry(where, key, &e);
		if (field >= 0 && !complete(list->items[i]))
			continue;
		if (field < 0)
			resolve_package(p, list->items[i], &where[1]);
		else
			resolve_package(p, list->items[i]->fields[field], &where[1]);
	}
}

static void resolve_packages(struct package_context *p, struct node *root)
{
	const struct node *kernel = node_field(root, CONFIG_KERNEL);
	struct where top = { .key = "kernel" };
	size_t before = p->c->diags.errors;

	if (kernel)
		resolve_package(p, kernel->fields[KERNEL_IMAGE], &top);
	resolve_list(p, node_field(root, CONFIG_INIT), "init", -1);
	resolve_list(p, node_field(root, CONFIG_ONBOOT), "onboot", CONTAINER_IMAGE);
	resolve_list(p, node_field(root, CONFIG_ONSHUTDOWN), "onshutdown", CONTAINER_IMAGE);
	resolve_list(p, node_field(root, CONFIG_SERVICES), "services", CONTAINER_IMAGE);
	resolve_list(p, node_field(root, CONFIG_VOLUMES), "volumes", VOLUME_IMAGE);
	if (p->dir && p->packages && p->c->diags.errors == before)
		resolve_values(p, root);
}

static struct text_file *add_file(struct config *c, const char *name, char *text, size_t len)
{
	struct text_file *f = calloc(1, sizeof *f);

	if (f)
		f->name = strdup(name);
	if (!f || !f->name) {
		free(f);
		free(text);
		no_memory(c);
		return NULL;
	}
	f->text = text;
	f->len = len;
	f->number = c->files ? c->files->number + 1 : 1;
	f->next = c->files;
	c->files = f;
	return f;
}

void config_add(struct config *c, const char *name, char *text, size_t len, const char *dir,
		const struct package_resolver *packages)
{
	struct text_file *f = add_file(c, name, text, len);
	struct package_context p = { .c = c, .dir = dir, .packages = packages };
	struct node *root;

	root = f ? yaml_parse(f, &c->arena, &c->diags) : NULL;
	if (!root) {
		c->unreadable = true;
		return;
	}
	if (root->kind == NODE_NULL) {
		diag_warning(&c->diags, root->at, NULL, "the document is empty");
		return;
	}
	if (!schema_check(root, &config_record, NULL, &c->arena, &c->diags) && !root->fields) {
		c->unreadable = true;
		return;
	}
	resolve_packages(&p, root);
	merge_kernel(c, node_field(root, CONFIG_KERNEL));
	append(c, &c->init, node_field(root, CONFIG_INIT));
	append(c, &c->sections[SECTION_ONBOOT], node_field(root, CONFIG_ONBOOT));
	append(c, &c->sections[SECTION_ONSHUTDOWN], node_field(root, CONFIG_ONSHUTDOWN));
	append(c, &c->sections[SECTION_SERVICES], node_field(root, CONFIG_SERVICES));
	append(c, &c->volumes, node_field(root, CONFIG_VOLUMES));
	append(c, &c->added, node_field(root, CONFIG_FILES));
}

/* --- look-ups --------------------------------------------------------------------------------------------------- */

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

/* --- checks ------------------------------------------------------------------------------------------------------ */

static void check_reference(struct config *c, const struct node *image, const struct where *where)
{
	_cleanup_error_ struct error err = { 0 };
	_cleanup_ref_ struct ref ref = { 0 };

	if (!image || str_starts(image->text, "@pkg:")) /* what could not be resolved was reported */
		return;
	if (ref_parse(image->text, &ref, &err) < 0)
		diag_error(&c->diags, image->at, where, "%s", error_text(&err));
}

/* A container's name becomes a directory, a containerd id and a word of the command line. */
static void check_name(struct config *c, const struct node *name, const struct where *where)
{
	const char *s = name->text;
	size_t i;

	if (!*s)
		diag_error(&c->diags, name->at, where, "the name is empty");
	else if (strchr(s, '/') || str_eq(s, ".") || str_eq(s, ".."))
		diag_error(&c->diags, name->at, where, "\"%s\" cannot be a name: it becomes a directory", s);
	else if (strlen(s) > NAME_MAX_LEN)
		diag_error(&c->diags, name->at, where, "the name is longer than %d bytes", NAME_MAX_LEN);
	for (i = 0; s[i]; i++) {
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f) {
			diag_error(&c->diags, name->at, where, "the name has a control character");
			break;
		}
	}
}

static void check_unique_service(struct config *c, size_t i, const struct where *where)
{
	const struct entries *services = &c->sections[SECTION_SERVICES];
	const struct node *name = node_field(services->list[i].node, CONTAINER_NAME);
	size_t k;

	for (k = 0; k < i; k++) {
		const struct node *first = node_field(services->list[k].node, CONTAINER_NAME);

		if (!str_eq(first->text, name->text))
			continue;
		diag_error(&c->diags, name->at, where, "there are two services of the name \"%s\"", name->text);
		diag_hint(&c->diags, "the first one is in line %u of %s", first->at.line, first->at.file->name);
		return;
	}
}

static void check_containers(struct config *c)
{
	size_t s, i;

	for (s = 0; s < SECTIONS; s++) {
		for (i = 0; i < c->sections[s].count; i++) {
			const struct entry *e = &c->sections[s].list[i];
			struct where where[2];

			where_entry(where, section_names[s], e);
			check_name(c, node_field(e->node, CONTAINER_NAME), &where[1]);
			check_reference(c, node_field(e->node, CONTAINER_IMAGE), &where[1]);
			if (s == SECTION_SERVICES)
				check_unique_service(c, i, &where[1]);
		}
	}
}

/* OS/ARCH[/VARIANT] */
static bool is_platform(const char *s)
{
	size_t parts = 0, n;

	for (;; s += n + 1) {
		n = strcspn(s, "/");
		if (!n || strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_.-") < n || ++parts > 3)
			return false;
		if (!s[n])
			return parts > 1;
	}
}

static void check_platforms(struct config *c, const struct node *volume, const struct where *where)
{
	const struct node *list = node_field(volume, VOLUME_PLATFORMS);
	const char *format = node_text(volume, VOLUME_FORMAT);
	struct where key = { .up = where, .key = "platforms" };
	size_t i;

	for (i = 0; list && format && str_eq(format, "oci") && i < list->count; i++) {
		if (is_platform(list->items[i]->text))
			continue;
		diag_error(&c->diags, list->items[i]->at, &key, "\"%s\" is no platform", list->items[i]->text);
		diag_hint(&c->diags, "for example linux/amd64, or linux/arm64/v8");
	}
}

static void check_volume(struct config *c, size_t i)
{
	const struct entry *e = &c->volumes.list[i];
	const struct node *name = node_field(e->node, VOLUME_NAME), *image = node_field(e->node, VOLUME_IMAGE);
	struct where where[2];
	size_t k;

	where_entry(where, "volumes", e);
	if (!name || !name->len) {
		diag_error(&c->diags, name ? name->at : e->node->at, &where[1], "the volume has no name");
		return;
	}
	if (name->text[strspn(name->text, "abcdefghijklmnopqrstuvwxyz0123456789_-")]) {
		diag_error(&c->diags, name->at, &where[1], "\"%s\" cannot be a volume's name", name->text);
		diag_hint(&c->diags, "it may have a to z, 0 to 9, \"_\" and \"-\"");
	}
	for (k = 0; k < i; k++) {
		const struct node *first = node_field(c->volumes.list[k].node, VOLUME_NAME);

		if (!first || !str_eq(first->text, name->text))
			continue;
		diag_error(&c->diags, name->at, &where[1], "there are two volumes of the name \"%s\"", name->text);
		diag_hint(&c->diags, "the first one is in line %u of %s", first->at.line, first->at.file->name);
		break;
	}
	if (image && image->len) {
		check_reference(c, image, &where[1]);
		check_platforms(c, e->node, &where[1]);
	}
}

bool config_check(struct config *c)
{
	struct where kernel = { .key = "kernel" };
	size_t i;

	if (c->kernel[KERNEL_IMAGE])
		check_reference(c, c->kernel[KERNEL_IMAGE], &kernel);
	for (i = 0; i < c->init.count; i++) {
		struct where where[2];

		where_entry(where, "init", &c->init.list[i]);
		check_reference(c, c->init.list[i].node, &where[1]);
	}
	check_containers(c);
	for (i = 0; i < c->volumes.count; i++)
		check_volume(c, i);
	annotations_check(c);
	return c->diags.errors == 0;
}
