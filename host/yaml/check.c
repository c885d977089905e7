/* What can be wrong only once all files are read: names that are there twice or cannot be, references, volumes. */
#include "check.h"

#include <string.h>

#include "check_private.h"
#include "ref.h"
#include "str.h"

enum { NAME_MAX_LEN = 128 };

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
