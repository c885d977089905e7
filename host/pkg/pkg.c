/* `pith pkg`: build, push, show-tag and manifest, with LinuxKit's options. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "commands.h"
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
	int force, push, nobuild, pull, docker, canonical, dry_run, help, no_manifest;
};

enum option_id {
	OPT_PLATFORMS = 256,
	OPT_SKIP_PLATFORMS,
	OPT_RELEASE,
	OPT_ORG,
	OPT_TAG,
	OPT_HASH,
	OPT_BUILD_YML,
	OPT_CACHE,
	OPT_DEV,
	OPT_MANIFEST,
	OPT_ALLOW_SOURCE,
	OPT_NO_EFFECT,
	OPT_NO_EFFECT_VALUE,
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

static int set(struct pkg *g, int id, const char *value, const char *shown, struct error *err)
{
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
	case OPT_CACHE:
		store_set_default(value);
		return 0;
	case OPT_MANIFEST:
		g->no_manifest = value && (str_eq(value, "false") || str_eq(value, "0"));
		return 0;
	case OPT_DEV:
		g->package.dev = true;
		return 0;
	case OPT_NO_EFFECT:
	case OPT_NO_EFFECT_VALUE:
		log_debug("%s has no effect: packages are not built with Docker", shown);
		return 0;
	default:
		return error_set(err, 0, "unknown option %s: `pith pkg --help` lists them", shown);
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
		{ "cache", required_argument, NULL, OPT_CACHE },
		{ "dev", no_argument, NULL, OPT_DEV },
		{ "manifest", optional_argument, NULL, OPT_MANIFEST },
		{ "force", no_argument, &g->force, 1 },
		{ "push", no_argument, &g->push, 1 },
		{ "nobuild", no_argument, &g->nobuild, 1 },
		{ "pull", no_argument, &g->pull, 1 },
		{ "docker", no_argument, &g->docker, 1 },
		{ "canonical", no_argument, &g->canonical, 1 },
		{ "dry-run", no_argument, &g->dry_run, 1 },
		{ "help", no_argument, &g->help, 1 },
		/* LinuxKit's, about builds with Docker, git and buildkit */
		{ "disable-cache", no_argument, NULL, OPT_NO_EFFECT },
		{ "enable-cache", no_argument, NULL, OPT_NO_EFFECT },
		{ "ignore-cached", no_argument, NULL, OPT_NO_EFFECT },
		{ "network", no_argument, NULL, OPT_NO_EFFECT },
		{ "nonetwork", no_argument, NULL, OPT_NO_EFFECT },
		{ "force-dirty", no_argument, NULL, OPT_NO_EFFECT },
		{ "precache-images", no_argument, NULL, OPT_NO_EFFECT },
		{ "builder-restart", no_argument, NULL, OPT_NO_EFFECT },
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
		{ 0 },
	};
	int c;

	opterr = 0;
	optind = 0;
	while ((c = getopt_long_only(argc, argv, ":h", table, NULL)) != -1) {
		const char *shown = argv[optind - 1];

		if (c == 'h')
			g->help = 1;
		else if (c == ':')
			return error_set(err, 0, "option %s needs a value", shown);
		else if (c != 0 && set(g, c, optarg, shown, err) < 0)
			return -1;
	}
	g->dirs = argv + optind;
	return 0;
}

static int check(struct pkg *g, struct error *err)
{
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

	if (check(g, err) < 0)
		return -1;
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

static int find_action(const char *name, enum action *out)
{
	static const struct {
		const char *name;
		enum action action;
	} actions[] = { { "build", ACTION_BUILD },
			{ "push", ACTION_PUSH },
			{ "show-tag", ACTION_SHOW_TAG },
			{ "manifest", ACTION_MANIFEST },
			{ "index", ACTION_MANIFEST } };
	size_t i;

	for (i = 0; name && i < array_len(actions); i++)
		if (str_eq(name, actions[i].name)) {
			*out = actions[i].action;
			return 0;
		}
	return -1;
}

int cmd_pkg(int argc, char **argv)
{
	_cleanup_error_ struct error err = { 0 };
	struct pkg g = { 0 };
	enum action action;
	int status = 0;

	if (argc > 1 && (str_eq(argv[1], "--help") || str_eq(argv[1], "-help") || str_eq(argv[1], "-h"))) {
		fputs(help, stdout);
		return 0;
	}
	if (find_action(argv[1], &action) < 0) {
		log_error("pkg: build, push, show-tag or manifest? `pith pkg --help` tells more");
		return 1;
	}
	if (parse(&g, argc - 1, argv + 1, &err) < 0) {
		status = -1;
	} else if (g.help) {
		fputs(help, stdout);
	} else {
		if (g.push && action == ACTION_BUILD)
			action = ACTION_PUSH;
		status = run(&g, action, &err);
	}
	if (status < 0)
		log_error("%s", error_text(&err));
	store_close(g.store);
	strv_free(g.allowed);
	free(g.platforms);
	free(g.skip);
	return status < 0 ? 1 : 0;
}
