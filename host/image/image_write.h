/* Making images: a tree becomes a layer with its documents, and manifests get an index and names. */
#pragma once

#include "store.h"

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
 * that ref_parse() takes), or under none. keep_others: manifests of other platforms that an index of a name already has
 * stay in that name's. origin, claim: as store_set_names() has them. */
int image_publish(struct store *s, const struct oci_descriptor *manifests, size_t count, char *const *names,
		  bool keep_others, const char *origin, enum store_claim claim, struct error *err);
