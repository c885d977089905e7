/* BuildKit, through `docker buildx build` or its own client `buildctl`: for those who have it, and for what buildah
 * does not know. The images that the Dockerfile names are given to it as contexts out of the cache's layout; RUN has
 * what network BuildKit gives it, or none. It finds what to leave out beside the Dockerfile. The image comes back as an
 * archive. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "builder_private.h"
#include "pull.h"
#include "str.h"

static int buildkit_finish(struct builder *b, char *const *argv, const char *archive, struct oci_descriptor *out,
			   struct error *err)
{
	struct builder_program p = { .argv = argv, .ending = SIGTERM };
	_cleanup_free_ char *source = str_format("oci-archive:%s", archive);

	if (!source)
		return error_set(err, ENOMEM, "%s", argv[0]);
	if (builder_spawn(b, &p, err) < 0)
		return -1;
	return image_take_source(b->job->store, source, &b->job->platform, out, err);
}

/* --- docker buildx ---------------------------------------------------------------------------------------------- */

static int docker_arguments(const struct builder *b, char ***argv, const char *archive)
{
	const struct builder_job *job = b->job;
	int failed = strv_add(argv, "docker");
	size_t i;

	if (job->docker_context)
		failed |= strv_addf(argv, "--context=%s", job->docker_context);
	failed |= strv_add(argv, "buildx") | strv_add(argv, "build") | strv_add(argv, "--progress=plain") |
		strv_add(argv, "--provenance=false") | strv_addf(argv, "--platform=%s", platform_text(&job->platform)) |
		strv_addf(argv, "--file=%s", b->path) |
		strv_addf(argv, "--network=%s", job->network ? "default" : "none");
	if (job->no_cache)
		failed |= strv_add(argv, "--no-cache");
	failed |= argv_add_pairs(argv, "--build-arg", "", b->args) | argv_add_pairs(argv, "--label", "", job->labels);
	for (i = 0; i < b->base_count; i++)
		failed |= strv_addf(argv, "--build-context=%s=oci-layout://%s@%s", b->bases[i].alias,
				    store_path(job->store), b->bases[i].digest);
	failed |= strv_addf(argv, "--output=type=oci,dest=%s", archive) | strv_add(argv, b->context);
	return failed ? -1 : 0;
}

int docker_run(struct builder *b, struct oci_descriptor *out, struct error *err)
{
	_cleanup_free_ char *archive = str_format("%s/image.tar", b->temp.path);
	_cleanup_strv_ char **argv = NULL;

	if (!archive || docker_arguments(b, &argv, archive) < 0)
		return error_set(err, ENOMEM, "docker");
	return buildkit_finish(b, argv, archive, out, err);
}

/* --- buildctl --------------------------------------------------------------------------------------------------- */

static int buildctl_arguments(const struct builder *b, char ***argv, const char *archive)
{
	const struct builder_job *job = b->job;
	int failed = strv_add(argv, "buildctl") | strv_add(argv, "build") | strv_add(argv, "--progress=plain") |
		strv_add(argv, "--frontend=dockerfile.v0") | strv_addf(argv, "--local=context=%s", b->context) |
		strv_addf(argv, "--local=dockerfile=%s", b->temp.path) |
		strv_addf(argv, "--opt=platform=%s", platform_text(&job->platform)) |
		strv_addf(argv, "--opt=force-network-mode=%s", job->network ? "sandbox" : "none");
	size_t i;

	if (job->no_cache)
		failed |= strv_add(argv, "--no-cache");
	failed |= argv_add_pairs(argv, "--opt", "build-arg:", b->args) |
		argv_add_pairs(argv, "--opt", "label:", job->labels);
	if (b->base_count)
		failed |= strv_addf(argv, "--oci-layout=pith=%s", store_path(job->store));
	for (i = 0; i < b->base_count; i++)
		failed |= strv_addf(argv, "--opt=context:%s=oci-layout:pith@%s", b->bases[i].alias, b->bases[i].digest);
	failed |= strv_addf(argv, "--output=type=oci,dest=%s", archive);
	return failed ? -1 : 0;
}

int buildctl_run(struct builder *b, struct oci_descriptor *out, struct error *err)
{
	_cleanup_free_ char *archive = str_format("%s/image.tar", b->temp.path);
	_cleanup_strv_ char **argv = NULL;

	if (!archive || buildctl_arguments(b, &argv, archive) < 0)
		return error_set(err, ENOMEM, "buildctl");
	return buildkit_finish(b, argv, archive, out, err);
}
