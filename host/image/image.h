/* One image for one platform, found in the cache: its manifest and configuration, read and checked. The layers' content
 * is not touched: layers.h unpacks it. */
#pragma once

#include "error.h"
#include "image_json.h"
#include "store.h"

struct image {
	struct store *store;        /* borrowed: must outlive the image */
	char *name;                 /* full reference it was asked by */
	char *digest;               /* of the manifest */
	struct oci_descriptor root; /* what the cache's index names: an index or the manifest itself */
	struct oci_manifest manifest;
	struct image_config config;
	bool foreign; /* not an index, and its configuration is for another platform than was asked for */
};

/* Finds text ("redis", "pith/init:latest", "name@sha256:...") in the cache and picks the manifest for `platform` (of
 * indexes, also nested ones; a plain manifest is taken as it is, see `foreign`). NULL on failure, with code
 * ENOENT only when the cache does not have the reference or the content for the platform: pulling can help then. */
struct image *image_load(struct store *s, const char *text, const struct platform *platform, struct error *err);
void image_free(struct image *img); /* NULL is fine */
static inline void cleanup_image(struct image **i)
{
	image_free(*i);
}
#define _cleanup_image_ _cleanup_(cleanup_image)

/* Value of a label; NULL where there is none. */
const char *image_label(const struct image *img, const char *key);
