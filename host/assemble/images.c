/* The images that a configuration names: each is found once, pulled where the cache lacks it, and asked for by name
 * from then on. */
#include <errno.h>
#include <stdlib.h>

#include "assemble_private.h"
#include "pull.h"
#include "str.h"

struct loaded_image *assembly_find(const struct assembly *a, const char *text)
{
	_cleanup_free_ char *name = ref_expand(text, NULL);
	size_t i;

	for (i = 0; name && i < a->image_count; i++)
		if (str_eq(a->images[i].name, name))
			return &a->images[i];
	return NULL;
}

static struct image *image_fetch(struct assembly *a, const char *text, struct error *err)
{
	const struct assembly_options *o = a->options;
	_cleanup_error_ struct error ignored = { 0 };
	struct image *img;

	if (!o->pull) {
		/* no Docker, or no such image there: the cache may have it */
		if (o->docker)
			image_pull_docker(o->store, text, &ignored);
		img = image_load(o->store, text, &o->platform, err);
		if (img || !err->code || err->code != ENOENT)
			return img;
		error_clear(err);
	}
	if (image_pull(o->store, text, &o->platform, err) < 0)
		return NULL;
	return image_load(o->store, text, &o->platform, err);
}

/* A damaged blob is right again when a command stores it again: the hint names these commands. */
static void image_hint_damaged(struct assembly *a, const struct node *name)
{
	if (name->package)
		diag_hint(&a->config->diags, "make it again with `pith pkg build --force %s`", name->package);
	else
		diag_hint(
			&a->config->diags,
			"store it again: `pith cache pull %s`, `pith cache import ARCHIVE` or `pith pkg build --force`",
			name->text);
}

void image_report(struct assembly *a, const struct node *name, const struct where *where, const struct error *err)
{
	diag_error(&a->config->diags, name->at, where, "%s", error_text(err));
	if (name->text && (err->code == EBADMSG || err->code == EPIPE))
		image_hint_damaged(a, name);
}

static void image_hint_make(struct assembly *a, const char *package)
{
	const struct platform *wanted = &a->options->platform;
	struct platform host = platform_host();

	if (platform_match(wanted, &host))
		diag_hint(&a->config->diags, "make it with `pith pkg build %s`", package);
	else
		diag_hint(&a->config->diags, "make it with `pith pkg build --platforms %s %s`", platform_text(wanted),
			  package);
}

/* A single image is taken by whoever asks for it; its programs do not run on another machine. */
static bool image_runs(struct assembly *a, const struct node *name, const struct where *where, const struct image *img)
{
	_cleanup_free_ char *have = img->foreign ? strdup(platform_text(&img->config.platform)) : NULL;

	if (have)
		diag_error(&a->config->diags, name->at, where, "image %s is for %s alone, not for %s", name->text, have,
			   platform_text(&a->options->platform));
	return !img->foreign;
}

/* data: only its files are asked for, on whatever machine. */
static void image_need(struct assembly *a, const struct node *name, const struct where *where, bool data)
{
	_cleanup_error_ struct error err = { 0 };
	struct loaded_image *bigger;
	struct image *img;
	char *expanded;

	if (assembly_find(a, name->text))
		return;
	img = image_fetch(a, name->text, &err);
	if (!img) {
		diag_error(&a->config->diags, name->at, where, "image %s: %s", name->text, error_text(&err));
		if (err.code == EBADMSG)
			image_hint_damaged(a, name);
		else if (name->package)
			image_hint_make(a, name->package);
		else
			diag_hint(&a->config->diags,
				  "`pith cache ls` lists what is here, `pith cache import` takes archives");
		return;
	}
	if (!data && !image_runs(a, name, where, img)) {
		image_free(img);
		return;
	}
	expanded = ref_expand(name->text, &err);
	bigger = expanded ? reallocarray(a->images, a->image_count + 1, sizeof *bigger) : NULL;
	if (!bigger) {
		diag_error(&a->config->diags, name->at, where, "no memory");
		free(expanded);
		image_free(img);
		return;
	}
	a->images = bigger;
	bigger[a->image_count++] = (struct loaded_image){ .name = expanded, .image = img };
}

/* A volume of format oci wants the index, for platforms of its own. */
static void index_need(struct assembly *a, const struct node *name, const struct where *where)
{
	_cleanup_descriptor_ struct oci_descriptor desc = { 0 };
	_cleanup_error_ struct error err = { 0 };
	_cleanup_ref_ struct ref ref = { 0 };
	int found = -1;

	if (ref_parse(name->text, &ref, &err) == 0) {
		found = a->options->pull ? -1 : store_find(a->options->store, &ref, &desc, &err);
		if (found < 0 && (a->options->pull || err.code == ENOENT)) {
			error_clear(&err);
			found = image_pull(a->options->store, name->text, NULL, &err);
			if (found == 0)
				found = store_find(a->options->store, &ref, &desc, &err);
		}
	}
	if (found < 0)
		diag_error(&a->config->diags, name->at, where, "image %s: %s", name->text, error_text(&err));
	else if (oci_kind(desc.media_type) != OCI_KIND_INDEX)
		diag_error(&a->config->diags, name->at, where,
			   "image %s has no index of platforms, which a volume of format oci is made from", name->text);
}

bool assembly_images(struct assembly *a)
{
	struct config *c = a->config;
	struct where kernel = { .key = "kernel" }, where[2];
	size_t s, i;

	if (c->kernel[KERNEL_IMAGE])
		image_need(a, c->kernel[KERNEL_IMAGE], &kernel, false);
	for (i = 0; i < c->init.count; i++) {
		where_entry(where, "init", &c->init.list[i]);
		image_need(a, c->init.list[i].node, &where[1], false);
	}
	for (i = 0; i < c->volumes.count; i++) {
		const struct node *image = node_field(c->volumes.list[i].node, VOLUME_IMAGE);

		where_entry(where, "volumes", &c->volumes.list[i]);
		if (volume_is_layout(c->volumes.list[i].node))
			index_need(a, image, &where[1]);
		else if (image && image->len)
			image_need(a, image, &where[1], true);
	}
	for (s = 0; s < SECTIONS; s++) {
		for (i = 0; i < c->sections[s].count; i++) {
			where_entry(where, section_names[s], &c->sections[s].list[i]);
			image_need(a, node_field(c->sections[s].list[i].node, CONTAINER_IMAGE), &where[1], false);
		}
	}
	return c->diags.errors == 0;
}

const char *assembly_kernel_label(const struct assembly *a, const char *key)
{
	const struct node *name = a->config->kernel[KERNEL_IMAGE];
	struct loaded_image *img = name ? assembly_find(a, name->text) : NULL;

	return img ? image_label(img->image, key) : NULL;
}

const char *assembly_init_label(const struct assembly *a, const char *key)
{
	const char *value = NULL;
	size_t i;

	for (i = 0; i < a->config->init.count; i++) {
		struct loaded_image *img = assembly_find(a, a->config->init.list[i].node->text);
		const char *v = img ? image_label(img->image, key) : NULL;

		if (v)
			value = v;
	}
	return value;
}
