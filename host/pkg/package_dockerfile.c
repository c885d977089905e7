/* A package with a Dockerfile: what its build is given, as LinuxKit gives it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "build_args.h"
#include "context.h"
#include "fields.h"
#include "package_private.h"
#include "sources.h"
#include "str.h"
#include "version.h"

#define GITREPO_DEFAULT "https://github.com/linuxkit/linuxkit"

static const char *package_gitrepo(const struct package *p)
{
	const char *given = node_text(p->recipe.root, RECIPE_GITREPO);

	return given ? given : GITREPO_DEFAULT;
}

/* Of packages in git: the commit, where all is committed, and Go's version. */
struct package_origin {
	char *revision, *version;
};

static void cleanup_origin(struct package_origin *o)
{
	free(o->revision);
	free(o->version);
}

static int package_find_origin(const struct package *p, struct package_origin *o, struct error *err)
{
	if (!p->git.inside)
		return 0;
	if (!p->git.dirty) {
		o->revision = git_revision(p->recipe.real_dir, err);
		if (!o->revision)
			return -1;
	}
	o->version = git_go_version(p->recipe.real_dir, err);
	return o->version ? 0 : -1;
}

static int package_add_labels(const struct package *p, const struct package_origin *o, char ***labels)
{
	_cleanup_free_ char *config = NULL;

	if (p->git.inside && *package_gitrepo(p) &&
	    strv_addf(labels, "org.opencontainers.image.source=%s", package_gitrepo(p)) < 0)
		return -1;
	if (o->revision && strv_addf(labels, "org.opencontainers.image.revision=%s", o->revision) < 0)
		return -1;
	if (node_field(p->recipe.root, RECIPE_CONFIG)) {
		config = package_config_label(p);
		if (!config || strv_addf(labels, "org.mobyproject.config=%s", config) < 0)
			return -1;
	}
	return strv_add(labels, "org.mobyproject.linuxkit.version=" PITH_VERSION) < 0
		? -1
		: strv_add(labels, "org.mobyproject.linuxkit.revision=" PITH_COMMIT);
}

/* --- build arguments -------------------------------------------------------------------------------------------- */

/* Those that LinuxKit gives, unless the package has others of the name. */
static int package_add_usual_args(const struct package *p, const struct package_origin *o, char ***args,
				  struct error *err)
{
	const struct {
		const char *name, *value;
	} usual[] = {
		{ "SOURCE", package_gitrepo(p) }, { "REVISION", o->revision }, { "GOPKGVERSION", o->version },
		{ "PKG_HASH", p->hash },          { "PKG_IMAGE", p->image },
	};
	size_t i;

	for (i = 0; i < array_len(usual); i++)
		if (usual[i].value && *usual[i].value && build_args_set(args, usual[i].name, usual[i].value, err) < 0)
			return -1;
	return 0;
}

/* Later ones win: the usual, build.yml's, those of files. */
static int package_add_args(const struct package *p, const struct package_building *how, const struct package_origin *o,
			    char ***args, struct error *err)
{
	const struct node *own = node_field(p->recipe.root, RECIPE_BUILD_ARGS);
	size_t i;

	if (package_add_usual_args(p, o, args, err) < 0)
		return -1;
	for (i = 0; own && i < own->count; i++)
		if (build_args_add(args, own->items[i]->text, p->recipe.real_dir, err) < 0)
			return error_wrap(err, "%s:%u: buildArgs", own->items[i]->at.file->name,
					  own->items[i]->at.line);
	for (i = 0; how->arg_files && how->arg_files[i]; i++)
		if (build_args_read(args, how->arg_files[i], err) < 0)
			return error_wrap(err, "--build-arg-file");
	return 0;
}

/* --- the build -------------------------------------------------------------------------------------------------- */

struct laying {
	const struct package *p;
	struct store *store;
};

static int package_lay(void *data, const char *folder, struct error *err)
{
	const struct laying *l = data;

	return context_lay(folder, &l->p->recipe, l->store, &l->p->platform, err);
}

/* Docker's context for the platform, of PLATFORM=CONTEXT; NULL: none is named. */
static const char *package_docker_context(const struct package *p, char *const *contexts)
{
	const char *platform = platform_text(&p->platform), *found = NULL;
	size_t n = strlen(platform), i;

	for (i = 0; contexts && contexts[i]; i++)
		if (strncmp(contexts[i], platform, n) == 0 && contexts[i][n] == '=')
			found = contexts[i] + n + 1;
	return found;
}

/* In the folder, links followed: the file is read before anything is built. */
static char *package_dockerfile_path(const struct package *p, struct error *err)
{
	_cleanup_free_ char *path = str_format("%s/%s", p->recipe.real_dir, p->dockerfile);
	_cleanup_free_ char *real = path ? realpath(path, NULL) : NULL;

	if (path && !real)
		error_set(err, errno, "%s/%s", p->recipe.dir, p->dockerfile);
	else if (real && !path_is_below(real, p->recipe.real_dir))
		error_say(err, EPERM, "the Dockerfile %s is outside of the package's folder", p->dockerfile);
	else if (real)
		return steal_ptr(&real);
	else
		error_set(err, ENOMEM, "%s", p->dockerfile);
	return NULL;
}

int package_build_dockerfile(struct package *p, struct store *store, const struct package_building *how,
			     struct oci_descriptor *manifest, struct error *err)
{
	const struct node *root = p->recipe.root;
	struct laying laying = { p, store };
	_cleanup_(cleanup_origin) struct package_origin origin = { 0 };
	_cleanup_strv_ char **args = NULL, **labels = NULL;
	_cleanup_free_ char *path = package_dockerfile_path(p, err);
	_cleanup_free_ char *name = str_format("%s/%s", p->recipe.dir, p->dockerfile);
	struct builder_job job = {
		.kind = how->kind,
		.store = store,
		.dockerfile = path,
		.name = name,
		.lay = package_lay,
		.lay_data = &laying,
		.platform = p->platform,
		.network = how->network ? *how->network : node_true(root, RECIPE_NETWORK),
		.no_cache = how->no_cache ? *how->no_cache : node_true(root, RECIPE_DISABLE_CACHE),
		.fresh = how->fresh,
		.docker_context = package_docker_context(p, how->contexts),
		.say = how->say,
		.data = how->data,
		.tail = how->tail,
	};

	if (!path)
		return -1;
	if (!p->at_head)
		return error_say(err, EINVAL,
				 "--hash-commit: only HEAD can be built, since files are taken as they are now");
	if (package_find_origin(p, &origin, err) < 0 || package_add_args(p, how, &origin, &args, err) < 0)
		return -1;
	if (!name || package_add_labels(p, &origin, &labels) < 0)
		return error_set(err, ENOMEM, "%s", p->image);
	job.args = args;
	job.labels = labels;
	return builder_run(&job, manifest, err);
}
