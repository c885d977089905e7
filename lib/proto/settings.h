/* Files of settings: `key = "text"` lines, the part of TOML that LinuxKit's /etc/containerd/runtime-config.toml uses.
 */
#pragma once

#include <stddef.h>

#include "error.h"

struct setting {
	const char *key;
	char *value; /* filled in; the caller frees it; NULL: the key is not there */
};

/* Finds the keys of `settings` among those of the file's top level. Comments, blank lines and other keys are passed
 * over; everything from the first table header on too. Strings are "basic" (with the escapes \\ \" \n \t) or 'literal';
 * a known key with any other value, a key twice, and a line that is none of this are errors with their line. */
int settings_parse(const char *text, size_t n, struct setting *settings, size_t count, struct error *err);
