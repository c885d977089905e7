/* `pith pkg`: build, push, show-tag and manifest, with LinuxKit's options. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "commands.h"
#include "globals.h"
#include "image.h"
#include "log.h"
#include "package.h"
#include "skopeo.h"
#include "sources.h"
#include "str.h"

static const char help[] =
	"usage: pith pkg build [OPTION...] DIR...      make the images of packages (DIR/build.yml) in the cache\n"
	"       pith pkg push [OPTION...] DIR...       build, then copy to the registry\n"
	"       pith pkg show-tag [OPTION...] DIR...   the names that the images have\n"
	"       pith pkg manifest [OPTION...] DIR...   copy what the cache has of the platforms to the registry\n"
	"       pith pkg remote-tag FROM TO            one more name for an image of a registry\n"
	"\n"
	"  --force                build even when nothing has changed, and take a name that another image has\n"
	"  --platforms LIST       linux/amd64,...; this machine's by default\n"
	"  --skip-platforms LIST  not these\n"
	"  --push, --nobuild      copy to the registry after building, or without\n"
	"  --manifest=false       push only the images of the platforms, as TAG-ARCH, and no index of them\n"
	"  --pull                 take an image from the registry instead of building it, where it has the tag\n"
	"  --docker               load the image into Docker as well\n"
	"  --release TAG          one more tag for the image\n"
	"  --org NAME             instead of the package's organisation (or $LINUXKIT_PKG_ORG)\n"
	"  --tag TEMPLATE         instead of {{.Hash}}\n"
	"  --hash TEXT            instead of the hash of the inputs\n"
	"  --dev                  organisation $USER, hash \"dev\"\n"
	"  --build-yml NAME       instead of build.yml\n"
	"  --allow-source PATH    sources may be below PATH as well; again for more\n"
	"  --cache DIR            the cache\n"
	"  --canonical            show-tag: with the registry, as in docker.io/pith/init:...\n"
	"  --dry-run              only say what would be built\n";

enum action {
	ACTION_BUILD,
	ACTION_PUSH,
	ACTION_SHOW_TAG,
	ACTION_MANIFEST,
	ACTION_REMOTE_TAG,
};

struct pkg {
	struct package_options package;
	struct store *store;
	struct platform *platforms, *skip;
	size_t platform_count, skip_count;
	const char *release;
	char **allowed; /* --allow-source */
	char **dirs;
	size_t unchanged; /* images that were there already */
	bool force, push, nobuild, pull, docker, canonical, dry_run, help, no_manifest;
};

enum option_id {
	OPT_PLATFORMS = 256,
	OPT_SKIP_PLATFORMS,
	OPT_RELEASE,
	OPT_ORG,
	OPT_TAG,
	OPT_HASH,
	OPT_BUILD_YML,
	OPT_DEV,
	OPT_MANIFEST,
	OPT_ALLOW_SOURCE,
	OPT_NO_EFFECT,
	OPT_NO_EFFECT_VALUE,
	OPT_FORCE,
	OPT_PUSH,
	OPT_NOBUILD,
	OPT_PULL,
	OPT_DOCKER,
	OPT_CANONICAL,
	OPT_DRY_RUN,
};

/* --- one package ------------------------------------------------------------------------------- */

/* What is wrong with the package itself goes to standard error as a compiler would say it. */
static int load(struct pkg *g, const char *dir, const struct platform *platform, struct package *p, struct error *err)
{
	bool good = package_load(p, dir, &g->package, platform, err);

	if (p->recipe.diags.count > 0)
		diags_print(&p->recipe.diags, stderr, isatty(2));
	if (good)
		return 0;
	return err->msg ? error_wrap(err, "package %s", dir)
			: error_set(err, 0, "package %s: build.yml is not valid", dir);
}

static int pull(struct pkg *g, const struct package *p, const char *name)
{
	_cleanup_error_ struct error err = { 0 };

	if (image_pull(g->store, name, &p->platform, &err) == 0)
		return 1;
	log_debug("%s", error_text(&err));
	return 0;
}

static int build_one(struct pkg *g, struct package *p, const char *name, struct error *err)
{
	_cleanup_free_ char *outside = NULL;
	int cached = g->force ? 0 : package_cached(p, g->store, err);

	if (cached < 0)
		return -1;
	if (cached && !g->release) {
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
	if (!cached && g->pull && pull(g, p, name))
		return 0;
	outside = sources_outside(&p->recipe);
	if (!outside)
		return error_set(err, ENOMEM, "%s", name);
	log_info("building %s%s%s", name, *outside ? ", with files of " : "", outside);
	return package_build(p, g->store, g->release, g->force, err);
}

static bool skipped(const struct pkg *g, const struct platform *platform)
{
	size_t i;

	for (i = 0; i < g->skip_count; i++)
		if (platform_match(&g->skip[i], platform))
			return true;
	return false;
}

static int build(struct pkg *g, const char *dir, const struct platform *platform, struct error *err)
{
	_cleanup_package_ struct package p = PACKAGE_INIT;
	_cleanup_free_ char *name = NULL;

	if (load(g, dir, platform, &p, err) < 0)
		return -1;
	name = package_name(&p);
	if (!name)
		return error_set(err, ENOMEM, "%s", dir);
	if (!package_has_arch(&p) || skipped(g, platform)) {
		log_info("%s is not built for %s", name, platform_text(platform));
		return 0;
	}
	if (build_one(g, &p, name, err) < 0)
		return error_wrap(err, "package %s", dir);
	return g->docker && !g->dry_run ? image_push_docker(g->store, name, err) : 0;
}

/* The name does not depend on the platform, except through the hash: that of the first one is taken. */
static int push(struct pkg *g, const char *dir, struct error *err)
{
	_cleanup_package_ struct package p = PACKAGE_INIT;
	_cleanup_free_ char *name = NULL, *release = NULL;
	unsigned what = g->no_manifest ? PUSH_ARCHES : PUSH_IMAGE | PUSH_ARCHES;
	bool skipped;

	if (load(g, dir, &g->platforms[0], &p, err) < 0)
		return -1;
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

static int show_tag(struct pkg *g, const char *dir, struct error *err)
{
	_cleanup_package_ struct package p = PACKAGE_INIT;
	_cleanup_free_ char *name = NULL, *full = NULL;

	if (load(g, dir, &g->platforms[0], &p, err) < 0)
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
static int remote_tag(const char *from, const char *to, struct error *err)
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

static int add_platforms(struct platform **platforms, size_t *count, const char *list, const char *option,
			 struct error *err)
{
	_cleanup_strv_ char **parts = strv_split(list, ",");
	size_t i;

	for (i = 0; parts && parts[i]; i++) {
		struct platform *grown = reallocarray(*platforms, *count + 1, sizeof(*grown));

		if (!grown)
			return error_set(err, ENOMEM, "--%s", option);
		*platforms = grown;
		if (platform_parse(parts[i], &grown[(*count)++], err) < 0)
			return error_wrap(err, "--%s", option);
	}
	return parts && i > 0 ? 0
			      : error_set(err, 0, "--%s \"%s\": write it like linux/amd64,linux/arm64", option, list);
}

static const char *name_of(const struct option *table, int id)
{
	while (table->name && table->val != id)
		table++;
	return table->name ? table->name : "";
}

static int set_switch(struct pkg *g, int id, const char *name, const char *value, struct error *err)
{
	bool *switches[] = {
		[OPT_FORCE - OPT_FORCE] = &g->force,     [OPT_PUSH - OPT_FORCE] = &g->push,
		[OPT_NOBUILD - OPT_FORCE] = &g->nobuild, [OPT_PULL - OPT_FORCE] = &g->pull,
		[OPT_DOCKER - OPT_FORCE] = &g->docker,   [OPT_CANONICAL - OPT_FORCE] = &g->canonical,
		[OPT_DRY_RUN - OPT_FORCE] = &g->dry_run,
	};

	return option_switch(name, value, switches[id - OPT_FORCE], err);
}

static int set(struct pkg *g, int id, const char *name, const char *value, struct error *err)
{
	bool on;

	switch (id) {
	case OPT_PLATFORMS:
		return add_platforms(&g->platforms, &g->platform_count, value, "platforms", err);
	case OPT_SKIP_PLATFORMS:
		return add_platforms(&g->skip, &g->skip_count, value, "skip-platforms", err);
	case OPT_RELEASE:
		g->release = value;
		return 0;
	case OPT_ORG:
		g->package.org = value;
		return 0;
	case OPT_TAG:
		g->package.tag = value;
		return 0;
	case OPT_HASH:
		g->package.hash = value;
		return 0;
	case OPT_BUILD_YML:
		g->package.build_yml = value;
		return 0;
	case OPT_ALLOW_SOURCE:
		return strv_add(&g->allowed, value) < 0 ? error_set(err, ENOMEM, "--allow-source") : 0;
	case OPT_MANIFEST:
		if (option_switch(name, value, &on, err) < 0)
			return -1;
		g->no_manifest = !on;
		return 0;
	case OPT_DEV:
		return option_switch(name, value, &g->package.dev, err);
	case OPT_NO_EFFECT:
	case OPT_NO_EFFECT_VALUE:
		log_debug("options of builds with Docker have no effect");
		return 0;
	default:
		return set_switch(g, id, name, value, err);
	}
}

static int parse(struct pkg *g, int argc, char **argv, struct error *err)
{
	const struct option table[] = {
		{ "platforms", required_argument, NULL, OPT_PLATFORMS },
		{ "skip-platforms", required_argument, NULL, OPT_SKIP_PLATFORMS },
		{ "release", required_argument, NULL, OPT_RELEASE },
		{ "org", required_argument, NULL, OPT_ORG },
		{ "tag", required_argument, NULL, OPT_TAG },
		{ "hash", required_argument, NULL, OPT_HASH },
		{ "build-yml", required_argument, NULL, OPT_BUILD_YML },
		{ "allow-source", required_argument, NULL, OPT_ALLOW_SOURCE },
		{ "dev", optional_argument, NULL, OPT_DEV },
		{ "manifest", optional_argument, NULL, OPT_MANIFEST },
		{ "force", optional_argument, NULL, OPT_FORCE },
		{ "push", optional_argument, NULL, OPT_PUSH },
		{ "nobuild", optional_argument, NULL, OPT_NOBUILD },
		{ "pull", optional_argument, NULL, OPT_PULL },
		{ "docker", optional_argument, NULL, OPT_DOCKER },
		{ "canonical", optional_argument, NULL, OPT_CANONICAL },
		{ "dry-run", optional_argument, NULL, OPT_DRY_RUN },
		/* LinuxKit's, about builds with Docker, git and buildkit */
		{ "disable-cache", optional_argument, NULL, OPT_NO_EFFECT },
		{ "enable-cache", optional_argument, NULL, OPT_NO_EFFECT },
		{ "ignore-cached", optional_argument, NULL, OPT_NO_EFFECT },
		{ "network", optional_argument, NULL, OPT_NO_EFFECT },
		{ "nonetwork", optional_argument, NULL, OPT_NO_EFFECT },
		{ "force-dirty", optional_argument, NULL, OPT_NO_EFFECT },
		{ "precache-images", optional_argument, NULL, OPT_NO_EFFECT },
		{ "builder-restart", optional_argument, NULL, OPT_NO_EFFECT },
		{ "hash-commit", required_argument, NULL, OPT_NO_EFFECT_VALUE },
		{ "hash-path", required_argument, NULL, OPT_NO_EFFECT_VALUE },
		{ "builders", required_argument, NULL, OPT_NO_EFFECT_VALUE },
		{ "builder-name", required_argument, NULL, OPT_NO_EFFECT_VALUE },
		{ "builder-image", required_argument, NULL, OPT_NO_EFFECT_VALUE },
		{ "builder-config", required_argument, NULL, OPT_NO_EFFECT_VALUE },
		{ "build-arg-file", required_argument, NULL, OPT_NO_EFFECT_VALUE },
		{ "dockerfile", required_argument, NULL, OPT_NO_EFFECT_VALUE },
		{ "sbom-scanner", required_argument, NULL, OPT_NO_EFFECT_VALUE },
		{ "progress", required_argument, NULL, OPT_NO_EFFECT_VALUE },
		{ "ssh", required_argument, NULL, OPT_NO_EFFECT_VALUE },
		{ "registry-creds", required_argument, NULL, OPT_NO_EFFECT_VALUE },
		GLOBAL_OPTIONS,
		{ 0 },
	};
	int c;

	optind = 0;
	while ((c = option_next(argc, argv, table, false, "pith pkg --help", err)) != OPTION_END) {
		if (c == OPTION_BAD)
			return -1;
		if (c == GLOBAL_HELP)
			g->help = true;
		else if (set(g, c, name_of(table, c), optarg, err) < 0)
			return -1;
	}
	g->dirs = argv + optind;
	return 0;
}

static int check(struct pkg *g, enum action action, struct error *err)
{
	if (action == ACTION_REMOTE_TAG)
		return strv_len(g->dirs) == 2 ? 0 : error_set(err, 0, "remote-tag takes two names: FROM and TO");
	if (g->nobuild && g->force)
		return error_set(err, 0, "--force and --nobuild: only one of them can be given");
	if (g->platform_count && g->skip_count)
		return error_set(err, 0, "--platforms and --skip-platforms: only one of them can be given");
	if (g->pull && g->force)
		return error_set(err, 0, "--force and --pull: only one of them can be given");
	g->package.allow_sources = g->allowed;
	if (!g->package.org)
		g->package.org = getenv("LINUXKIT_PKG_ORG");
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

static int one(struct pkg *g, enum action action, const char *dir, struct error *err)
{
	size_t i;

	if (action == ACTION_SHOW_TAG)
		return show_tag(g, dir, err);
	for (i = 0; action != ACTION_MANIFEST && i < g->platform_count; i++)
		if (build(g, dir, &g->platforms[i], err) < 0)
			return -1;
	return action != ACTION_BUILD && !g->dry_run ? push(g, dir, err) : 0;
}

static int run(struct pkg *g, enum action action, struct error *err)
{
	size_t i;

	if (action == ACTION_REMOTE_TAG)
		return remote_tag(g->dirs[0], g->dirs[1], err);
	if (action != ACTION_SHOW_TAG) {
		g->store = store_open(NULL, err);
		if (!g->store)
			return -1;
	}
	for (i = 0; g->dirs[i]; i++)
		if (one(g, action, g->dirs[i], err) < 0)
			return -1;
	if (g->unchanged)
		log_info("%zu image%s up to date", g->unchanged, g->unchanged == 1 ? " is" : "s are");
	return 0;
}

static const struct {
	const char *name;
	enum action action;
} actions[] = {
	{ "build", ACTION_BUILD },       { "push", ACTION_PUSH },      { "show-tag", ACTION_SHOW_TAG },
	{ "manifest", ACTION_MANIFEST }, { "index", ACTION_MANIFEST }, { "remote-tag", ACTION_REMOTE_TAG },
};

/* The first word that is no option. */
static int find_action(struct pkg *g, enum action *out, struct error *err)
{
	const char *names[array_len(actions) + 1] = { 0 }, *near, *name = g->dirs[0];
	size_t i;

	if (!name)
		return error_set(err, 0, "build, push, show-tag, manifest or remote-tag? `pith pkg --help` tells more");
	for (i = 0; i < array_len(actions); i++) {
		names[i] = actions[i].name;
		if (str_eq(name, actions[i].name)) {
			*out = actions[i].action;
			g->dirs++;
			return 0;
		}
	}
	near = option_suggest(name, names);
	if (near)
		return error_set(err, 0, "unknown command \"%s\": did you mean \"%s\"?", name, near);
	return error_set(err, 0, "unknown command \"%s\": build, push, show-tag, manifest or remote-tag?", name);
}

static void clear(struct pkg *g)
{
	store_close(g->store);
	strv_free(g->allowed);
	free(g->platforms);
	free(g->skip);
}

/* Help, or misuse: the status; -1: go on. */
static int command_line(struct pkg *g, int argc, char **argv, enum action *action, struct error *err)
{
	if (parse(g, argc, argv, err) < 0)
		return 2;
	if (g->help) {
		fputs(help, stdout);
		return 0;
	}
	return find_action(g, action, err) < 0 || check(g, *action, err) < 0 ? 2 : -1;
}

int cmd_pkg(int argc, char **argv)
{
	_cleanup_error_ struct error err = { 0 };
	struct pkg g = { 0 };
	enum action action = ACTION_BUILD;
	int status = command_line(&g, argc, argv, &action, &err);

	if (status < 0) {
		if (g.push && action == ACTION_BUILD)
			action = ACTION_PUSH;
		status = run(&g, action, &err) < 0 ? 1 : 0;
	}
	if (status)
		log_error("%s", error_text(&err));
	clear(&g);
	return status;
}
