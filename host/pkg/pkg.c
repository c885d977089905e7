/* `pith pkg`: build, push, show-tag and manifest, with LinuxKit's options. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "digest.h"
#include "git.h"
#include "image.h"
#include "log.h"
#include "pkg_private.h"
#include "pull.h"
#include "push.h"
#include "sources.h"
#include "str.h"

enum action {
	ACTION_BUILD,
	ACTION_PUSH,
	ACTION_SHOW_TAG,
	ACTION_MANIFEST,
	ACTION_REMOTE_TAG,
};

/* --- one package ------------------------------------------------------------------------------- */

/* What is wrong with the package itself goes to standard error as a compiler would say it. */
static int pkg_load(struct pkg *g, const char *dir, const struct platform *platform, struct package *p,
		    struct error *err)
{
	bool good = package_load(p, dir, &g->package, platform, err);

	if (p->recipe.diags.count > 0)
		diags_print(&p->recipe.diags, stderr, isatty(2));
	if (good)
		return 0;
	return err->msg ? error_wrap(err, "package %s", dir)
			: error_set(err, 0, "package %s: build.yml is not valid", dir);
}

static int pkg_pull(struct pkg *g, const struct package *p, const char *name)
{
	_cleanup_error_ struct error err = { 0 };

	if (image_pull(g->store, name, &p->platform, &err) == 0)
		return 1;
	log_debug("%s", error_text(&err));
	return 0;
}

/* What a builder says. */
static void pkg_say(void *data, const char *line)
{
	_cleanup_free_ char *text = str_escape(line);

	(void)data;
	if (text)
		fprintf(stderr, "%s\n", text);
}

/* The last lines of a step that failed, unless all of them have been shown. */
static void pkg_show_tail(struct pkg *g)
{
	_cleanup_strv_ char **lines = g->building.say ? NULL : strv_split(buf_text(&g->tail), "\n");
	size_t i;

	for (i = 0; lines && lines[i]; i++)
		pkg_say(NULL, lines[i]);
	buf_clear(&g->tail);
}

static int pkg_build_one(struct pkg *g, struct package *p, const char *name, struct error *err)
{
	_cleanup_free_ char *outside = NULL;
	int cached = g->force ? 0 : package_cached(p, g->store, err);

	if (cached < 0)
		return -1;
	if (cached && !g->release && package_tag_tells(p)) {
		log_debug("%s is up to date", name);
		g->unchanged++;
		return 0;
	}
	if (g->nobuild)
		return cached ? 0
			      : error_set(err, 0, "%s is not in the cache, and --nobuild forbids to build it", name);
	if (g->dry_run) {
		log_info("%s would be built", name);
		return 0;
	}
	if (!cached && g->pull && pkg_pull(g, p, name))
		return 0;
	outside = p->dockerfile ? sources_all_extra(&p->recipe) : sources_outside(&p->recipe);
	if (!outside)
		return error_set(err, ENOMEM, "%s", name);
	log_info("building %s%s%s", name, *outside ? ", with files of " : "", outside);
	if (package_build(p, g->store, &g->building, g->release, g->force, err) == 0)
		return 0;
	pkg_show_tail(g);
	return -1;
}

static bool platform_skipped(const struct pkg *g, const struct platform *platform)
{
	size_t i;

	for (i = 0; i < g->skip_count; i++)
		if (platform_match(&g->skip[i], platform))
			return true;
	return false;
}

static int pkg_build(struct pkg *g, const char *dir, const struct platform *platform, struct error *err)
{
	_cleanup_package_ struct package p = PACKAGE_INIT;
	_cleanup_free_ char *name = NULL;

	if (pkg_load(g, dir, platform, &p, err) < 0)
		return -1;
	name = package_name(&p);
	if (!name)
		return error_set(err, ENOMEM, "%s", dir);
	if (!package_has_arch(&p) || platform_skipped(g, platform)) {
		log_info("%s is not built for %s", name, platform_text(platform));
		return 0;
	}
	if (pkg_build_one(g, &p, name, err) < 0)
		return error_wrap(err, "package %s", dir);
	return g->docker && !g->dry_run ? image_push_docker(g->store, name, err) : 0;
}

/* Several platforms are one image with one name. What differs from platform to platform (programs of this tree,
 * packages of the distribution) gives each another hash: the name then has one of all these. Sets g->common. */
static int pkg_find_common(struct pkg *g, const char *dir, struct error *err)
{
	_cleanup_buf_ struct buf text = { 0 };
	_cleanup_free_ char *first = NULL;
	char hex[DIGEST_HEX];
	bool differ = false;
	size_t i;

	for (i = 0; i < g->platform_count; i++) {
		_cleanup_package_ struct package p = PACKAGE_INIT;

		/* What is wrong with it is said where it is built. */
		if (!package_load(&p, dir, &g->package, &g->platforms[i], NULL) || p.dockerfile)
			return 0;
		if (!package_has_arch(&p) || platform_skipped(g, &g->platforms[i]))
			continue;
		differ |= first && !str_eq(first, p.hash);
		if (!first)
			first = steal_ptr(&p.hash);
		if (buf_addf(&text, "%s %s\n", platform_text(&g->platforms[i]), p.hash ? p.hash : first) < 0)
			return error_set(err, ENOMEM, "%s", dir);
	}
	if (!differ)
		return 0;
	if (digest_bytes(buf_text(&text), text.len, hex) < 0)
		return error_set(err, ENOMEM, "%s", dir);
	g->common = strndup(hex, 40);
	return g->common ? 0 : error_set(err, ENOMEM, "%s", dir);
}

/* The name does not depend on the platform, except through the hash: that of the first one is taken. */
static int pkg_push(struct pkg *g, const char *dir, struct error *err)
{
	_cleanup_package_ struct package p = PACKAGE_INIT;
	_cleanup_free_ char *name = NULL, *release = NULL;
	unsigned what = g->no_manifest ? PUSH_ARCHES : PUSH_IMAGE | PUSH_ARCHES;
	bool skipped;

	if (pkg_load(g, dir, &g->platforms[0], &p, err) < 0)
		return -1;
	if (p.git.dirty)
		return error_say(
			err, EPERM,
			"%s is not pushed: something in it is not committed to git (pith pkg build makes it all the "
			"same)",
			dir);
	name = package_name(&p);
	release = g->release ? str_format("%s:%s", p.image, g->release) : NULL;
	if (!name || (g->release && !release))
		return error_set(err, ENOMEM, "%s", dir);
	/* Also when the registry has the name: the index may have grown by a platform. What is there is not sent again.
	 */
	if (image_push(g->store, name, NULL, what, true, &skipped, err) < 0 ||
	    (release && image_push(g->store, release, NULL, what, true, &skipped, err) < 0))
		return -1;
	log_info("pushed %s", name);
	if (release)
		log_info("pushed %s", release);
	return 0;
}

static int pkg_show_tag(struct pkg *g, const char *dir, struct error *err)
{
	_cleanup_package_ struct package p = PACKAGE_INIT;
	_cleanup_free_ char *name = NULL, *full = NULL;

	if (pkg_load(g, dir, &g->platforms[0], &p, err) < 0)
		return -1;
	name = package_name(&p);
	if (!name)
		return error_set(err, ENOMEM, "%s", dir);
	full = g->canonical ? ref_expand(name, err) : NULL;
	if (g->canonical && !full)
		return -1;
	printf("%s\n", full ? full : name);
	return 0;
}

/* One more name for what a registry has. */
static int pkg_remote_tag(const char *from, const char *to, struct error *err)
{
	_cleanup_error_ struct error none = { 0 };
	_cleanup_free_ char *have = registry_digest(from, err), *there = NULL;

	if (!have)
		return error_wrap(err, "%s", from);
	there = registry_digest(to, &none);
	if (there && str_eq(there, have)) {
		log_info("%s is %s already", to, from);
		return 0;
	}
	if (registry_copy(from, to, err) < 0)
		return -1;
	log_info("tagged %s as %s", from, to);
	return 0;
}

/* --- command line ------------------------------------------------------------------------------ */

#define ACTIONS "build, push, show-tag, manifest or remote-tag?"

static const struct command_verb pkg_verbs[] = {
	{ "build", "DIR...", "make the images of packages (DIR/build.yml) in the cache" },
	{ "push", "DIR...", "build, then copy to the registry" },
	{ "show-tag", "DIR...", "the names that the images have" },
	{ "manifest", "DIR...", "copy what the cache has of the platforms to the registry" },
	{ "remote-tag", "FROM TO", "one more name for an image of a registry" },
	{ "index", "DIR..." },
	{ "builder",
	  .instead = "packages are built without Docker, so there is no builder to look after; `pith cache "
		     "clean` removes what was built" },
	{ "serve", .instead = "`pith pkg push` copies images to a registry, `pith cache export` writes them to files" },
	{ 0 },
};

/* In the order of pkg_verbs. */
static const enum action pkg_actions[] = {
	ACTION_BUILD, ACTION_PUSH, ACTION_SHOW_TAG, ACTION_MANIFEST, ACTION_REMOTE_TAG, ACTION_MANIFEST,
};

static int pkg_check(struct pkg *g, enum action action, struct error *err)
{
	if (action == ACTION_REMOTE_TAG)
		return strv_len(g->dirs) == 2 ? 0 : error_set(err, 0, "remote-tag takes two names: FROM and TO");
	if (g->nobuild && g->force)
		return error_set(err, 0, "--force and --nobuild: only one of them can be given");
	if (g->platform_count && g->skip_count)
		return error_set(err, 0, "--platforms and --skip-platforms: only one of them can be given");
	if (g->pull && g->force)
		return error_set(err, 0, "--force and --pull: only one of them can be given");
	if (pkg_read_environment(g, err) < 0)
		return -1;
	g->package.allow_sources = g->allowed;
	g->building.arg_files = g->arg_files;
	g->building.contexts = g->contexts;
	g->building.tail = &g->tail;
	if (g->progress == PROGRESS_PLAIN || (g->progress == PROGRESS_AUTO && !isatty(2)))
		g->building.say = pkg_say;
	if (g->platform_count == 0) {
		g->platforms = malloc(sizeof(*g->platforms));
		if (!g->platforms)
			return error_set(err, ENOMEM, "--platforms");
		g->platforms[g->platform_count++] = platform_host();
	}
	if (!g->dirs[0])
		return error_set(err, 0, "which package? name its directory, as in pkg/init");
	return 0;
}

static int pkg_build_and_push(struct pkg *g, enum action action, const char *dir, struct error *err)
{
	size_t i;

	for (i = 0; action != ACTION_MANIFEST && i < g->platform_count; i++)
		if (pkg_build(g, dir, &g->platforms[i], err) < 0)
			return -1;
	return action != ACTION_BUILD && !g->dry_run ? pkg_push(g, dir, err) : 0;
}

static int pkg_run_named(struct pkg *g, enum action action, const char *dir, struct error *err)
{
	int r;

	if (g->platform_count > 1 && !g->package.hash && !g->package.dev && pkg_find_common(g, dir, err) < 0)
		return -1;
	if (g->common)
		g->package.hash = g->common;
	r = action == ACTION_SHOW_TAG ? pkg_show_tag(g, dir, err) : pkg_build_and_push(g, action, dir, err);
	if (g->common)
		g->package.hash = NULL;
	free(g->common);
	g->common = NULL;
	return r;
}

/* As in LinuxKit, what is pushed from a commit that has one tag is a release of that name. */
static int pkg_run_one(struct pkg *g, enum action action, const char *dir, struct error *err)
{
	_cleanup_error_ struct error none = { 0 };
	_cleanup_free_ char *tag = action == ACTION_PUSH && !g->release ? git_tag(dir, &none) : NULL;
	int r;

	if (action == ACTION_SHOW_TAG || !tag)
		return pkg_run_named(g, action, dir, err);
	g->release = tag;
	r = pkg_run_named(g, action, dir, err);
	g->release = NULL;
	return r;
}

static int pkg_run(struct pkg *g, enum action action, struct error *err)
{
	size_t i;

	if (action == ACTION_REMOTE_TAG)
		return pkg_remote_tag(g->dirs[0], g->dirs[1], err);
	if (action != ACTION_SHOW_TAG) {
		g->store = store_open(NULL, err);
		if (!g->store)
			return -1;
	}
	for (i = 0; g->dirs[i]; i++)
		if (pkg_run_one(g, action, g->dirs[i], err) < 0)
			return -1;
	if (g->unchanged)
		log_info("%zu image%s up to date", g->unchanged, g->unchanged == 1 ? " is" : "s are");
	return 0;
}

static void pkg_clear(struct pkg *g)
{
	store_close(g->store);
	strv_free(g->allowed);
	strv_free(g->arg_files);
	strv_free(g->contexts);
	buf_free(&g->tail);
	free(g->platforms);
	free(g->skip);
}

static int pkg_finish(struct pkg *g, const struct command *c, char **argv, struct error *err)
{
	const struct command_verb *verb;
	enum action action;

	if (!argv[1])
		return error_set(err, 0, ACTIONS " `pith pkg --help` tells more"), 2;
	verb = verb_find(c->verbs, argv[1], ACTIONS, err);
	if (!verb)
		return 2;
	action = pkg_actions[verb - pkg_verbs];
	g->dirs = argv + 2;
	if (pkg_check(g, action, err) < 0)
		return 2;
	if (g->push && action == ACTION_BUILD)
		action = ACTION_PUSH;
	return pkg_run(g, action, err) < 0 ? 1 : 0;
}

static int pkg_main(const struct command *c, char **argv)
{
	_cleanup_error_ struct error err = { 0 };
	struct pkg g = { 0 };
	int status = command_line(c, argv, &g);

	if (status < 0) {
		status = pkg_finish(&g, c, argv, &err);
		if (status)
			log_error("%s", error_text(&err));
	}
	pkg_clear(&g);
	return status;
}

static const char *const pkg_usage[] = {
	"build|push|show-tag|manifest [OPTION...] DIR...",
	"remote-tag FROM TO",
	NULL,
};

const struct command pkg_command = {
	.name = "pkg",
	.summary = "make images of packages",
	.usage = pkg_usage,
	.text = "A package is a folder with a build.yml, of which an OCI image is made. Options may stand before the "
		"command, "
		"too.",
	.verbs = pkg_verbs,
	.options = pkg_table,
	.run = pkg_main,
};
