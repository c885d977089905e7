/* The options of `pith pkg`: LinuxKit's, and ours. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "pkg_private.h"
#include "str.h"

static int platforms_add(struct platform **platforms, size_t *count, const char *list, const char *option,
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

static int set_platforms(void *data, const struct option *o, const char *value, struct error *err)
{
	struct pkg *g = data;

	return platforms_add(&g->platforms, &g->platform_count, value, o->name, err);
}

static int set_skip(void *data, const struct option *o, const char *value, struct error *err)
{
	struct pkg *g = data;

	return platforms_add(&g->skip, &g->skip_count, value, o->name, err);
}

static int set_manifest(void *data, const struct option *o, const char *value, struct error *err)
{
	struct pkg *g = data;
	bool on;

	if (option_switch(o, value, &on, err) < 0)
		return -1;
	g->no_manifest = !on;
	return 0;
}

static int set_tristate(const struct option *o, const char *value, bool when, bool *field, const bool **said,
			struct error *err)
{
	bool on;

	if (option_switch(o, value, &on, err) < 0)
		return -1;
	*field = on == when;
	*said = field;
	return 0;
}

static int set_network(void *data, const struct option *o, const char *value, struct error *err)
{
	struct pkg *g = data;

	return set_tristate(o, value, true, &g->network, &g->building.network, err);
}

static int set_nonetwork(void *data, const struct option *o, const char *value, struct error *err)
{
	struct pkg *g = data;

	return set_tristate(o, value, false, &g->network, &g->building.network, err);
}

static int set_no_cache(void *data, const struct option *o, const char *value, struct error *err)
{
	struct pkg *g = data;

	return set_tristate(o, value, true, &g->no_cache, &g->building.no_cache, err);
}

static int set_cache(void *data, const struct option *o, const char *value, struct error *err)
{
	struct pkg *g = data;

	return set_tristate(o, value, false, &g->no_cache, &g->building.no_cache, err);
}

static int contexts_add(struct pkg *g, const char *list, const char *what, struct error *err)
{
	_cleanup_strv_ char **parts = strv_split(list, ",");
	size_t i;

	for (i = 0; parts && parts[i]; i++) {
		const char *equals = strchr(parts[i], '=');

		if (!equals || equals == parts[i] || !equals[1] || !memchr(parts[i], '/', (size_t)(equals - parts[i])))
			return error_say(err, EINVAL, "%s \"%s\": write it like linux/arm64=NAME", what, parts[i]);
		if (strv_add(&g->contexts, parts[i]) < 0)
			return error_set(err, ENOMEM, "%s", what);
	}
	return parts ? 0 : error_set(err, ENOMEM, "%s", what);
}

static int set_contexts(void *data, const struct option *o, const char *value, struct error *err)
{
	(void)o;
	return contexts_add(data, value, "--builders", err);
}

int pkg_read_environment(struct pkg *g, struct error *err)
{
	const char *builders = getenv("LINUXKIT_BUILDERS");

	if (!g->package.org)
		g->package.org = getenv("LINUXKIT_PKG_ORG");
	return builders && !g->contexts ? contexts_add(g, builders, "LINUXKIT_BUILDERS", err) : 0;
}

static const char *const progress_choices[] = {
	[PROGRESS_AUTO] = "auto", [PROGRESS_PLAIN] = "plain", [PROGRESS_TTY] = "tty", NULL
};

#define FIELD(name)  offsetof(struct pkg, name)
#define SWITCH(name) .set = option_set_switch, .field = FIELD(name)
#define TEXT(name)   .set = option_set_text, .field = FIELD(name)

const struct option pkg_table[] = {
	{ "force", SWITCH(force),
	  .help = "build even when nothing has changed, and take a name that another image has" },
	{ "platforms", .argument = "LIST", .set = set_platforms, .help = "linux/amd64,...; this machine's by default" },
	{ "skip-platforms", .argument = "LIST", .set = set_skip, .help = "not these" },
	{ "push", SWITCH(push), .help = "copy to the registry after building" },
	{ "nobuild", SWITCH(nobuild), .help = "never build, only take what is in the cache" },
	{ "manifest", .set = set_manifest,
	  .help = "push an index of the platforms, too (the default); --manifest=false: only their images, as "
		  "TAG-ARCH" },
	{ "pull", SWITCH(pull),
	  .help = "take an image from the registry instead of building it, where it has the tag" },
	{ "docker", SWITCH(docker), .help = "load the image into Docker as well" },
	{ "release", .argument = "TAG", TEXT(release), .help = "one more tag for the image" },
	{ "org", .argument = "NAME", TEXT(package.org),
	  .help = "instead of the package's organisation (or $LINUXKIT_PKG_ORG)" },
	{ "tag", .argument = "TEMPLATE", TEXT(package.tag), .help = "instead of {{.Hash}}" },
	{ "hash", .argument = "TEXT", TEXT(package.hash), .help = "instead of the hash of the inputs" },
	{ "dev", SWITCH(package.dev), .help = "organisation $USER, hash \"dev\"" },
	{ "build-yml", .argument = "NAME", TEXT(package.build_yml), .help = "instead of build.yml" },
	{ "allow-source", .argument = "PATH", .set = option_set_list, .field = FIELD(allowed),
	  .help = "sources may be below PATH as well; again for more" },
	{ "canonical", SWITCH(canonical), .help = "show-tag: with the registry, as in docker.io/pith/init:..." },
	{ "dry-run", SWITCH(dry_run), .help = "only say what would be built" },
	/* of packages with a Dockerfile */
	{ "builder", .argument = "PROGRAM", .set = option_set_choice, .field = FIELD(building.kind),
	  .choices = builder_names,
	  .help = "buildah (the default), docker (its buildx) or buildctl builds Dockerfiles" },
	{ "dockerfile", .argument = "NAME", TEXT(package.dockerfile),
	  .help = "instead of the one that build.yml names" },
	{ "build-arg-file", .argument = "FILE", .set = option_set_list, .field = FIELD(arg_files),
	  .help = "build arguments, one NAME=VALUE a line, instead of build.yml's of these names; again for more" },
	{ "network", .set = set_network,
	  .help = "RUN has the network, whatever build.yml says; --nonetwork: it has none" },
	{ "nonetwork", .set = set_nonetwork },
	{ "disable-cache", .set = set_no_cache,
	  .help = "docker, buildctl: run every step anew (buildah always does); --enable-cache: do not" },
	{ "enable-cache", .set = set_cache },
	{ "ignore-cached", SWITCH(building.fresh),
	  .help = "pull the images that a Dockerfile names also if the cache has them" },
	{ "progress", .argument = "KIND", .set = option_set_choice, .field = FIELD(progress),
	  .choices = progress_choices,
	  .help = "plain: all that a build says; tty: its steps; auto: plain where standard error is no terminal" },
	{ "hash-commit", .argument = "COMMIT", TEXT(package.hash_commit),
	  .help = "whose hash the tag has, instead of HEAD (not to build)" },
	{ "hash-path", .argument = "DIR", TEXT(package.hash_path),
	  .help = "a folder above the package, whose hash it has" },
	{ "force-dirty", SWITCH(package.force_dirty), .help = "as if something were not committed" },
	{ "builders", .argument = "LIST", .set = set_contexts,
	  .help = "--builder docker: a context of Docker for each platform, linux/arm64=NAME,... (or "
		  "$LINUXKIT_BUILDERS)" },
	/* LinuxKit's, about containers with BuildKit */
	{ "precache-images", .set = option_set_nothing },
	{ "builder-restart", .set = option_set_nothing },
	{ "builder-name", .argument = "TEXT", .set = option_set_nothing },
	{ "builder-image", .argument = "TEXT", .set = option_set_nothing },
	{ "builder-config", .argument = "TEXT", .set = option_set_nothing },
	{ "sbom-scanner", .argument = "TEXT", .set = option_set_nothing },
	{ "ssh", .argument = "TEXT", .set = option_set_nothing },
	{ "registry-creds", .argument = "TEXT", .set = option_set_nothing },
	{ 0 },
};
