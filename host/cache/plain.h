/* Layers without their compression, beside the blobs. A build reads every layer twice, and the next build of nearly the
 * same machine reads the same layers again: to decompress them is most of that.
 *
 *   CACHE/plain/HEX   a layer's archive; HEX: the digits of the blob's digest (sha256)
 *
 * A file there is believed no more than a blob: before a build uses it, it is read whole and compared with the
 * archive's digest, which the image's configuration names (rootfs.diff_ids), and again whenever it has changed since. A
 * configuration that names another layer's archive does not get that: the file is this blob's. What is damaged or half
 * written is made again. All of them together take PLAIN_MAX at most, or a quarter of what the disk has free beyond
 * PLAIN_SPARED where that is less; those that were not used for the longest time go first. store_collect() removes them
 * all.
 *
 * Nothing of this fails a build: where there is no room, or no right to write, the blob is read. */
#pragma once

#include "store.h"

/* Bytes. What the variable PITH_CACHE_PLAIN says counts in the place of both ("0": none of them are kept, "500M",
 * "8G").
 */
#define PLAIN_MAX    (UINT64_C(2) << 30)
#define PLAIN_SPARED (UINT64_C(2) << 30)

/* The archive of a layer: the file that is there or is made now, else the blob. digest, size: the blob's; plain: the
 * archive's digest, NULL where the image does not say. The source must not outlive the store. NULL without memory. */
struct source *store_layer_source(struct store *s, const char *digest, uint64_t size, const char *plain,
				  struct error *err);

/* Removes them all; nobody may have the store open. Adds to *bytes what is free by that. */
int plain_remove_all(struct store *s, uint64_t *bytes, struct error *err);
