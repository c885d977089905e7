/* The images that a Dockerfile names: in the cache before anything is built. */
#include <errno.h>
#include <stdlib.h>

#include "builder_private.h"
#include "image.h"
#include "log.h"
#include "pull.h"
#include "reach.h"
#include "ref.h"
#include "str.h"

static bool platform_equal(const struct platform *a, const struct platform *b)
{
	return str_eq(a->os, b->os) && str_eq(a->arch, b->arch) && str_eq(a->variant, b->variant);
}

static struct builder_base *base_of(const struct builder *b, const char *name, const struct platform *platform)
{
	size_t i;

	for (i = 0; i < b->base_count; i++)
		if (str_eq(b->bases[i].name, name) && platform_equal(&b->bases[i].platform, platform))
			return &b->bases[i];
	return NULL;
}

/* Whether the cache has all of the image for the platform. */
static bool base_is_cached(struct store *s, const char *name, const struct platform *platform)
{
	_cleanup_image_ struct image *image = image_load(s, name, platform, NULL);

	return image && !image->foreign && reach_whole(s, &image->root, platform);
}

static int base_fetch(struct builder *b, struct builder_base *base, struct error *err)
{
	const struct builder_job *job = b->job;
	_cleanup_descriptor_ struct oci_descriptor found = { 0 };
	_cleanup_ref_ struct ref ref = { 0 };

	if (job->fresh || !base_is_cached(job->store, base->name, &base->platform)) {
		log_debug("image %s is not in the cache", base->name);
		if (image_pull(job->store, base->name, &base->platform, err) < 0)
			return -1;
	}
	if (ref_parse(base->name, &ref, err) < 0 || store_find(job->store, &ref, &found, err) < 0)
		return -1;
	base->digest = strdup(found.digest);
	return base->digest ? 0 : error_set(err, ENOMEM, "%s", base->name);
}

static int base_add(struct builder *b, const struct dockerfile_image *image, struct error *err)
{
	_cleanup_free_ char *name = ref_expand(image->name, err);
	struct builder_base *grown;

	if (!name)
		return -1;
	if (base_of(b, name, &image->platform))
		return 0;
	grown = reallocarray(b->bases, b->base_count + 1, sizeof(*grown));
	if (!grown)
		return error_set(err, ENOMEM, "%s", name);
	b->bases = grown;
	grown += b->base_count;
	*grown = (struct builder_base){
		.shown = strdup(image->name),
		.alias = str_format("pith-base-%zu", b->base_count),
		.platform = image->platform,
	};
	grown->name = steal_ptr(&name);
	b->base_count++;
	if (!grown->shown || !grown->alias)
		return error_set(err, ENOMEM, "%s", image->name);
	return base_fetch(b, grown, err);
}

int bases_find(struct builder *b, struct error *err)
{
	size_t i;

	for (i = 0; i < b->file.image_count; i++)
		if (base_add(b, &b->file.images[i], err) < 0)
			return error_wrap(err, "%s:%u: image %s", b->job->name, b->file.images[i].line,
					  b->file.images[i].name);
	return 0;
}

char **bases_aliases(const struct builder *b, const char *before, const char *behind)
{
	_cleanup_strv_ char **names = calloc(1, sizeof(*names));
	size_t i;

	for (i = 0; names && i < b->file.image_count; i++) {
		_cleanup_free_ char *name = ref_expand(b->file.images[i].name, NULL);
		const struct builder_base *base = name ? base_of(b, name, &b->file.images[i].platform) : NULL;

		if (!base || strv_addf(&names, "%s%s%s", before, base->alias, behind) < 0)
			return NULL;
	}
	return steal_ptr(&names);
}

void bases_clear(struct builder *b)
{
	size_t i;

	for (i = 0; i < b->base_count; i++) {
		free(b->bases[i].name);
		free(b->bases[i].shown);
		free(b->bases[i].alias);
		free(b->bases[i].digest);
	}
	free(b->bases);
}
