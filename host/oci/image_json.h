/* The JSON documents of OCI images (image-spec 1.1) and their Docker twins: descriptors, indexes, manifests,
 * configurations. Bytes in, structs out: no I/O. Every string and array is owned by its struct. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "platform.h"

#define OCI_INDEX         "application/vnd.oci.image.index.v1+json"
#define OCI_MANIFEST      "application/vnd.oci.image.manifest.v1+json"
#define OCI_CONFIG        "application/vnd.oci.image.config.v1+json"
#define OCI_LAYER         "application/vnd.oci.image.layer.v1.tar"
#define OCI_LAYER_GZIP    "application/vnd.oci.image.layer.v1.tar+gzip"
#define OCI_LAYER_ZSTD    "application/vnd.oci.image.layer.v1.tar+zstd"
#define DOCKER_INDEX      "application/vnd.docker.distribution.manifest.list.v2+json"
#define DOCKER_MANIFEST   "application/vnd.docker.distribution.manifest.v2+json"
#define DOCKER_CONFIG     "application/vnd.docker.container.image.v1+json"
#define DOCKER_LAYER      "application/vnd.docker.image.rootfs.diff.tar"
#define DOCKER_LAYER_GZIP "application/vnd.docker.image.rootfs.diff.tar.gzip"

#define ANNOTATION_REF_NAME   "org.opencontainers.image.ref.name"
#define ANNOTATION_IMAGE_NAME "io.containerd.image.name"

/* What Docker gives a container whose image sets no PATH. */
#define IMAGE_DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Documents larger than this are refused, and those with more values: a parsed value takes many times its text. */
#define OCI_JSON_MAX   (4u << 20)
#define OCI_VALUES_MAX (256u << 10)

enum oci_kind {
	OCI_KIND_OTHER, /* attestations, artifacts */
	OCI_KIND_INDEX,
	OCI_KIND_MANIFEST,
};
enum oci_kind oci_kind(const char *media_type);

struct oci_descriptor {
	char *media_type;
	char *digest; /* checked: digest_valid() */
	uint64_t size;
	struct platform platform;
	json_t *annotations; /* object of strings, or NULL */
};
void oci_descriptor_clear(struct oci_descriptor *d);
#define _cleanup_descriptor_ _cleanup_(oci_descriptor_clear)
int oci_descriptor_copy(struct oci_descriptor *to, const struct oci_descriptor *from);
/* NULL where there is none. */
const char *oci_descriptor_annotation(const struct oci_descriptor *d, const char *key);
/* A new reference, keys in the specification's order; NULL without memory. */
json_t *oci_descriptor_json(const struct oci_descriptor *d);

struct oci_index {
	char *media_type; /* NULL when the document does not say */
	struct oci_descriptor *manifests;
	size_t count;
};
int oci_index_parse(const void *data, size_t n, struct oci_index *out, struct error *err);
/* The same for the list of names of a cache, which is as long as its user likes. */
int oci_names_parse(const void *data, size_t n, struct oci_index *out, struct error *err);
/* No more than OCI_VALUES_MAX values, as far as commas, colons and brackets tell. */
bool oci_json_bounded(const void *data, size_t n);
/* Says (ENXIO) that nothing in it is for the platform, and which platforms there are. -1. */
int oci_index_lacks(const struct oci_index *index, const struct platform *wanted, struct error *err);
void oci_index_clear(struct oci_index *x);
#define _cleanup_index_ _cleanup_(oci_index_clear)

struct oci_manifest {
	char *media_type;
	struct oci_descriptor config;
	struct oci_descriptor *layers;
	size_t layer_count;
};
int oci_manifest_parse(const void *data, size_t n, struct oci_manifest *out, struct error *err);
void oci_manifest_clear(struct oci_manifest *m);
#define _cleanup_manifest_ _cleanup_(oci_manifest_clear)

/* What runs in a container made from the image; vectors are NULL where the image does not say. */
struct image_config {
	struct platform platform;
	char **entrypoint, **cmd, **env;
	char *workdir, *user; /* NULL where absent or empty */
	json_t *labels;       /* object of strings; never NULL after parsing */
	char **diff_ids;
};
int image_config_parse(const void *data, size_t n, struct image_config *out, struct error *err);
void image_config_clear(struct image_config *c);
#define _cleanup_config_ _cleanup_(image_config_clear)
