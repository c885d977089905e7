/* The two files of a bundle, read as JSON: `runtime.json` (what is done around a container; LinuxKit's format) and
 * the parts of `config.json` (the OCI runtime specification) that matter outside the runtime.
 * Unknown fields are ignored, a null counts as absent, a field of the wrong type is refused by name. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "error.h"
#include "namespace.h"

/* No file of either kind may be longer. */
#define OCI_FILE_MAX ((size_t)1 << 20)

struct oci_mount {
	char *destination; /* relative ones are below the bundle's rootfs */
	char *source;      /* NULL: none */
	char *type;        /* NULL: none */
	char **options;    /* NULL: none */
};

struct oci_interface {
	char *name;
	char *add;  /* link type to make; NULL: the interface exists */
	char *peer; /* veth: the other end; NULL: none */
	bool create_in_root;
};

struct oci_runtime {
	char **cgroups;
	struct oci_mount *mounts;
	size_t mount_count;
	char **mkdir;
	struct oci_interface *interfaces;
	size_t interface_count;
	char *bind_ns[NS_COUNT];    /* NULL: not bound */
	char *containerd_namespace; /* NULL: the default one */
};

#define _cleanup_oci_runtime_ _cleanup_(oci_runtime_clear)
void oci_runtime_clear(struct oci_runtime *r);
int oci_runtime_parse(const void *json, size_t n, struct oci_runtime *out, struct error *err);
/* Whether something has to happen between the runtime's create and its start. */
bool oci_runtime_splits_start(const struct oci_runtime *r);

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
 * nowhere), and with process.oomScoreAdj 0 and a PATH in process.env where it has none. NULL on failure; the caller
 * frees it. */
char *oci_config_with_root(const void *json, size_t n, const char *root, struct error *err);

/* The "process" of config.json with other arguments and without a terminal, as containerd wants it for a further
 * process of the container; oomScoreAdj as above. NULL on failure; the caller frees it. */
char *oci_config_process(const void *json, size_t n, char *const *argv, struct error *err);
