/* runtime.json of a bundle: what is done around a container (LinuxKit's format). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "error.h"
#include "namespace.h"
#include "oci_file.h"

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
