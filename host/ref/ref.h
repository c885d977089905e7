/* Image references: what a name in a YAML or on a command line means.
 *
 * Expansion as LinuxKit has it: "redis" is docker.io/library/redis, "foo/bar" is docker.io/foo/bar unless its first
 * part looks like a host (has a dot or a colon, or is "localhost"); three parts and more stay as they are.
 * Grammar after expansion: the distribution reference grammar
 * (https://github.com/distribution/reference): [host[:port]/]path[:tag][@digest]. */
#pragma once

#include <stdbool.h>

#include "error.h"

struct ref {
	char *name;   /* "docker.io/library/redis": host and path, no tag */
	char *tag;    /* NULL when none was given */
	char *digest; /* "sha256:<64 hex digits>" or sha512; NULL when none was given */
};

#define _cleanup_ref_ _cleanup_(ref_free)

/* Expands and checks. An error's message quotes the text. */
int ref_parse(const char *text, struct ref *out, struct error *err);
void ref_free(struct ref *ref);

/* "name[:tag][@digest]": what was given, expanded; nothing is added. LinuxKit's ReferenceExpand(). Caller frees;
 * NULL without memory. */
char *ref_text(const struct ref *ref);
/* The name that the cache lists it under: "name:tag", with "latest" where the reference has neither tag nor digest;
 * "name@digest" where it has a digest only. Caller frees. */
char *ref_cache_name(const struct ref *ref);
/* ref_parse() and ref_text() in one; NULL on failure. */
char *ref_expand(const char *text, struct error *err);

/* "sha256:" and 64, or "sha512:" and 128 lower-case hexadecimal digits. */
bool digest_valid(const char *digest);
