/* config.json of a bundle: the parts of the OCI runtime specification that matter outside the runtime. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "error.h"
#include "oci_file.h"

struct oci_annotation {
	char *key;
	char *value;
};

struct oci_config {
	bool terminal;
	bool own_pid_namespace;             /* a new one, not the host's nor one joined by path */
	struct oci_annotation *annotations; /* those whose key starts with "org.pith." */
	size_t annotation_count;
};

#define _cleanup_oci_config_ _cleanup_(oci_config_clear)
void oci_config_clear(struct oci_config *c);
int oci_config_parse(const void *json, size_t n, struct oci_config *out, struct error *err);
/* Value of the annotation, NULL when there is none. */
const char *oci_annotation(const struct oci_config *c, const char *key);

/* The config.json with its root.path replaced (containerd keeps the file elsewhere, where a relative path would lead
 * nowhere), and with process.oomScoreAdj 0 and a PATH in process.env where it has none, appended to `out`. */
int oci_config_with_root(const void *json, size_t n, const char *root, struct buf *out, struct error *err);
