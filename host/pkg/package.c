/* A package as its build.yml has it, and its names. package_tree.c is what its image holds, package_image.c the image.
 */
#include "package.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "context.h"
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

/* The folder whose hash the package has: its own, or one above it. */
static char *package_hash_dir(const struct package *p, const char *hash_path, struct error *err)
{
	char *real = hash_path ? realpath(hash_path, NULL) : strdup(p->recipe.real_dir);

	if (!real)
		error_set(err, hash_path ? errno : ENOMEM, "--hash-path %s", hash_path);
	if (real && path_is_below(p->recipe.real_dir, real))
		return real;
	if (real)
		error_say(err, EINVAL, "--hash-path %s is not above %s", hash_path, p->recipe.dir);
	free(real);
	return NULL;
}

/* What git says of the folder; the hash is left out where another one was given. */
static int package_ask_git(struct package *p, const struct package_options *o, struct error *err)
{
	_cleanup_free_ char *dir = package_hash_dir(p, o->hash_path, err);
	_cleanup_error_ struct error why = { 0 };
	_cleanup_strv_ char **extra = dir ? context_extra_dirs(&p->recipe, &why) : NULL;
	struct git_question q = {
		.dir = p->recipe.real_dir,
		.hash_dir = dir,
		.commit = o->hash_commit && *o->hash_commit ? o->hash_commit : "HEAD",
		.extra = extra,
		.dirty = o->force_dirty,
	};

	if (!dir)
		return -1;
	if (why.msg)
		return error_move(err, &why);
	p->at_head = str_eq(q.commit, "HEAD");
	return git_ask(&q, o->hash || o->dev, &p->git, err);
}

/* LinuxKit's tag of a package: what git says; a package outside of git has none, and is called latest. */
static int package_set_hash(struct package *p, const struct package_options *o, struct error *err)
{
	if (p->dockerfile && package_ask_git(p, o, err) < 0)
		return -1;
	if (o->hash)
		p->hash = strdup(o->hash);
	else if (o->dev)
		p->hash = strdup("dev");
	else if (p->dockerfile)
		p->hash = strdup(p->git.hash ? p->git.hash : "");
	else
		p->hash = inputs_hash(p, err);
	return p->hash ? 0 : -1;
}

static int package_set_names(struct package *p, const struct package_options *o, struct error *err)
{
	const char *org = o->org ? o->org : o->dev ? getenv("USER") : node_text(p->recipe.root, RECIPE_ORG);
	const char *tag = o->tag ? o->tag : node_text(p->recipe.root, RECIPE_TAG);

	p->image = str_format("%s/%s",
			      org && *org             ? org
				      : p->dockerfile ? "linuxkit"
						      : "pith",
			      node_text(p->recipe.root, RECIPE_IMAGE));
	if (package_set_hash(p, o, err) < 0)
		return -1;
	p->tag = expand_tag(tag && *tag ? tag : "{{.Hash}}", p->hash, err);
	if (p->tag && !*p->tag) {
		free(p->tag);
		p->tag = strdup("latest");
	}
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
		return str_eq(p->platform.arch, "amd64") || str_eq(p->platform.arch, "arm64") ||
			(p->dockerfile && str_eq(p->platform.arch, "riscv64"));
	for (i = 0; i < arches->count; i++)
		if (str_eq(arches->items[i]->text, p->platform.arch))
			return true;
	return false;
}

const char *package_foreign(const struct package *p)
{
	struct platform host = platform_host();

	return str_eq(p->platform.arch, host.arch) ? NULL : p->platform.arch;
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
	p->dockerfile = recipe_dockerfile(&p->recipe, options->dockerfile);
	if (sources_allow(&p->recipe, options->allow_sources, package_foreign(p), err) < 0 ||
	    !sources_check(&p->recipe))
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
	git_state_clear(&p->git);
	free(p->image);
	free(p->hash);
	free(p->tag);
	*p = (struct package)PACKAGE_INIT;
}
