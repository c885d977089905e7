/* Files of settings: `key = "text"` lines of TOML, as LinuxKit's /etc/containerd/runtime-config.toml has them. */
#pragma once

#include <stddef.h>

#include "error.h"

struct setting {
	const char *key;
	char *value; /* filled in; the caller frees it; NULL: the key is not there */
};

/* Finds the keys of `settings` among those of the file's top level; other keys and all tables are passed over. A known
 * key with a value that is no string, a key twice, and what is no TOML are errors with their line. */
int settings_parse(const char *text, size_t n, struct setting *settings, size_t count, struct error *err);
