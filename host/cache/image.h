/* One image for one platform, found in the cache: its manifest and configuration, read and checked. The layers' content
 * is not touched: tree.h reads it. */
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

struct tree;

/* What an image to be written says beside its files. NULL fields are left out. */
struct image_spec {
	struct platform platform;
	char *const *entrypoint, *const *cmd, *const *env;
	const char *workdir, *user;
	json_t *labels;   /* object of strings; borrowed */
	uint64_t created; /* seconds since the epoch: also what the history says; 0 is fine */
};

/* Writes the tree as one gzip layer, its configuration and manifest into the store. Deterministic to the byte: entries
 * sorted, metadata as in the tree. The manifest's descriptor (with platform) goes into *out. No name points to it yet.
 */
int image_write(struct store *s, const struct tree *tree, const struct image_spec *spec, struct oci_descriptor *out,
		struct error *err);

/* Makes an image index of the manifests and lists it under every name of `names` (NULL-terminated, any spelling
 * that ref_parse() takes). keep_others: manifests of other platforms that an index of the first name already has stay
 * in it. origin, claim: as store_set_names() has them. The index's descriptor goes into *out where that is not NULL. */
int image_publish(struct store *s, const struct oci_descriptor *manifests, size_t count, char *const *names,
		  bool keep_others, const char *origin, enum store_claim claim, struct oci_descriptor *out,
		  struct error *err);

/* Fetches a reference from its registry with skopeo and lists it under its expanded name (with tag "latest" where none
 * is given). platform NULL: all platforms of an index. */
int image_pull(struct store *s, const char *text, const struct platform *platform, struct error *err);
/* From the local Docker daemon (skopeo's docker-daemon transport). */
int image_pull_docker(struct store *s, const char *text, struct error *err);
