/* Files into a configuration: parsed, checked each by itself, names of packages replaced by those of their images, and
 * appended to what the files before them have said. */
#include "load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "parse.h"
#include "str.h"

/* A container that lacks its name or image was reported; nothing more can be said about it. */
static bool container_complete(const struct node *n)
{
	return n->record != &container_record || (n->fields[CONTAINER_NAME] && n->fields[CONTAINER_IMAGE]);
}

static void entries_append(struct config *c, struct entries *to, const struct node *list)
{
	struct entry *bigger;
	size_t i;

	if (!list || !list->count)
		return;
	bigger = reallocarray(to->list, to->count + list->count, sizeof *bigger);
	if (!bigger) {
		config_lack_memory(c);
		return;
	}
	to->list = bigger;
	for (i = 0; i < list->count; i++)
		if (container_complete(list->items[i]))
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

/* Standard input has no folder that a relative path could begin at; a file of a web server names no packages. */
static bool package_reached(const struct package_context *p, const struct node *n)
{
	return p->packages && (p->dir || n->text[strlen("@pkg:")] == '/');
}

/* Replaces "@pkg:DIRECTORY" by the name of the image that is built from it. */
static bool package_replace(struct package_context *p, struct node *n, struct error *err)
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
		config_lack_memory(p->c);
	}
	return true;
}

/* A file that was copied out of the tree of its packages. */
static void package_hint(struct package_context *p, const char *text)
{
	const char *slash = strrchr(text, '/'), *name = slash ? slash + 1 : text + strlen("@pkg:");

	if (*name)
		diag_hint(&p->c->diags,
			  "a relative folder begins at this file's; `pith/%s:latest` names the package's image from "
			  "anywhere",
			  name);
}

static void resolve_package(struct package_context *p, struct node *image, const struct where *where)
{
	_cleanup_error_ struct error err = { 0 };

	if (!image || !is_package(image))
		return;
	if (!package_reached(p, image)) {
		diag_error(&p->c->diags, image->at, where, "\"%s\" works only in a local file", image->text);
		if (p->packages)
			diag_hint(&p->c->diags, "on standard input a package's path is absolute: \"@pkg:/...\"");
	} else if (!package_replace(p, image, &err)) {
		diag_error(&p->c->diags, image->at, where, "cannot resolve \"%s\": %s", image->text, error_text(&err));
		if (err.code == ENOENT)
			package_hint(p, image->text);
	}
}

/* Other values may name packages too, as an argument of a command does; text that is none of them stays what it is. */
static void resolve_values(struct package_context *p, struct node *n)
{
	size_t i;

	if (is_package(n)) {
		_cleanup_error_ struct error err = { 0 };

		if (!package_reached(p, n))
			return;
		if (!package_replace(p, n, &err))
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
		if (field >= 0 && !container_complete(list->items[i]))
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
	if (p->packages && p->c->diags.errors == before)
		resolve_values(p, root);
}

void config_add(struct config *c, const char *name, char *text, size_t len, const char *dir,
		const struct package_resolver *packages)
{
	struct text_file *f = config_add_text(c, name, text, len);
	struct package_context p = { .c = c, .dir = dir, .packages = packages };
	struct node *root;

	if (!f)
		config_lack_memory(c);
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
	entries_append(c, &c->init, node_field(root, CONFIG_INIT));
	entries_append(c, &c->sections[SECTION_ONBOOT], node_field(root, CONFIG_ONBOOT));
	entries_append(c, &c->sections[SECTION_ONSHUTDOWN], node_field(root, CONFIG_ONSHUTDOWN));
	entries_append(c, &c->sections[SECTION_SERVICES], node_field(root, CONFIG_SERVICES));
	entries_append(c, &c->volumes, node_field(root, CONFIG_VOLUMES));
	entries_append(c, &c->added, node_field(root, CONFIG_FILES));
}
