/* A package as its build.yml has it, and its names. package_tree.c is what its image holds, package_image.c the image.
 */
#include "package.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fields.h"
#include "inputs.h"
#include "package_private.h"
#include "sources.h"
#include "str.h"

/* LinuxKit's template has one variable: {{.Hash}}, with blanks inside the braces. */
static char *expand_tag(const char *template, const char *hash, struct error *err)
{
	_cleanup_(buf_free) struct buf out = { 0 };
	const char *p = template, *open;

	while ((open = strstr(p, "{{"))) {
		const char *word = open + 2 + strspn(open + 2, " ");

		if (!str_starts(word, ".Hash") || !str_starts(word + 5 + strspn(word + 5, " "), "}}")) {
			error_set(err, 0, "tag \"%s\": {{.Hash}} is the only thing that can be filled in", template);
			return NULL;
		}
		if (buf_add(&out, p, (size_t)(open - p)) < 0 || buf_addstr(&out, hash) < 0)
			return NULL;
		p = strstr(word, "}}") + 2;
	}
	return buf_addstr(&out, p) < 0 ? NULL : buf_steal_text(&out);
}

static int package_set_names(struct package *p, const struct package_options *o, struct error *err)
{
	const char *org = o->org ? o->org : o->dev ? getenv("USER") : node_text(p->recipe.root, RECIPE_ORG);
	const char *tag = o->tag ? o->tag : node_text(p->recipe.root, RECIPE_TAG);

	p->image = str_format("%s/%s", org && *org ? org : "pith", node_text(p->recipe.root, RECIPE_IMAGE));
	if (o->hash)
		p->hash = strdup(o->hash);
	else
		p->hash = o->dev ? strdup("dev") : inputs_hash(p, err);
	if (!p->hash)
		return -1;
	p->tag = expand_tag(tag && *tag ? tag : "{{.Hash}}", p->hash, err);
	return p->image && p->tag ? 0 : -1;
}

char *package_name(const struct package *p)
{
	return str_format("%s:%s", p->image, p->tag);
}

bool package_has_arch(const struct package *p)
{
	const struct node *arches = node_field(p->recipe.root, RECIPE_ARCHES);
	size_t i;

	if (!arches)
		return str_eq(p->platform.arch, "amd64") || str_eq(p->platform.arch, "arm64");
	for (i = 0; i < arches->count; i++)
		if (str_eq(arches->items[i]->text, p->platform.arch))
			return true;
	return false;
}

int package_resolve_debian(struct package *p, struct error *err)
{
	const struct node *n = node_field(p->recipe.root, RECIPE_DEBIAN);
	bool failed = false;
	_cleanup_strv_ char **names = n ? recipe_strings(n, PKG_DEBIAN_PACKAGES, &failed) : NULL;

	if (failed)
		return error_set(err, ENOMEM, "Debian packages");
	if (!names || !names[0])
		return 0;
	return debian_resolve(&p->debs, names, node_true(n, PKG_DEBIAN_LIBRARIES), p->platform.arch, err);
}

bool package_load(struct package *p, const char *dir, const struct package_options *options,
		  const struct platform *platform, struct error *err)
{
	p->platform = *platform;
	if (!recipe_load(&p->recipe, dir, options->build_yml ? options->build_yml : "build.yml", err))
		return false;
	if (sources_allow(&p->recipe, options->allow_sources, err) < 0 || !sources_check(&p->recipe))
		return false;
	if (!options->hash && !options->dev && package_resolve_debian(p, err) < 0)
		return false;
	if (package_set_names(p, options, err) < 0) {
		if (err && !err->msg)
			error_set(err, ENOMEM, "%s", dir);
		return false;
	}
	return true;
}

void package_clear(struct package *p)
{
	recipe_clear(&p->recipe);
	debian_clear(&p->debs);
	free(p->image);
	free(p->hash);
	free(p->tag);
	*p = (struct package)PACKAGE_INIT;
}
