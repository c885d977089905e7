/* What of the store an image consists of. */
#pragma once

#include "store.h"

/* Called once for every digest in the order index or manifest, configuration, layers. -1 stops. */
typedef int reach_fn(void *data, const struct oci_descriptor *blob, struct error *err);

/* Walks from a descriptor through indexes and manifests. Documents that are not in the store are passed to fn but not
 * looked into (an index may name platforms that were never fetched). platform: only manifests for it, NULL for all. */
int reach_walk(struct store *s, const struct oci_descriptor *root, const struct platform *platform, reach_fn *fn,
	       void *data, struct error *err);

/* All of it is there and undamaged: reads every blob. */
bool reach_whole(struct store *s, const struct oci_descriptor *root, const struct platform *platform);
