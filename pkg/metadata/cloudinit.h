/* What is understood of cloud-init: a part of #cloud-config, a NoCloud source's meta-data, and the SMBIOS serial number
 * that names such a source. https://cloudinit.readthedocs.io/en/latest/reference/ */
#pragma once

#include <stdbool.h>

#include "findings.h"
#include "sink.h"

/* Whether it begins with the line "#cloud-config". */
bool cloudinit_is_config(const char *text, size_t n);

/* hostname (fqdn), ssh_authorized_keys and write_files; commands are refused, all other keys are named as left out.
 * `found`: what its source said beside it; keys are added to those. A file of write_files goes below "files", one that
 * is meant for /run/config to its place there. -1: it is no YAML, and nothing is written. */
int cloudinit_config(const char *text, size_t n, const struct findings *found, const struct sink *sink,
		     struct error *err);

/* instance-id, local-hostname and public-keys. */
int cloudinit_metadata(const char *text, size_t n, struct findings *out, struct error *err);

/* "ds=nocloud;s=http://10.0.0.1/;h=web1;i=i-1"; "ds=nocloud-net" is the same. */
struct cloudinit_seed {
	char *from; /* NULL: none of these three is given */
	char *hostname, *instance;
};

#define _cleanup_cloudinit_seed_ _cleanup_(cloudinit_seed_clear)
void cloudinit_seed_clear(struct cloudinit_seed *s);
/* 1: it is one; 0: it is something else; -1. */
int cloudinit_seed_parse(const char *serial, struct cloudinit_seed *out, struct error *err);
