/* What LinuxKit's runtime-config.toml says of containerd: arguments, where its output goes, how long it may take. */
#pragma once

#include <stdint.h>

#include "error.h"

struct daemon_settings {
	char **arguments; /* cliopts */
	int out, err;     /* descriptors of its streams; -1: nothing is said of them */
	uint64_t serve;   /* start_timeout in microseconds: until it serves; unchanged where nothing is said */
};

/* Fills what the file says; a missing file says nothing. */
int daemon_settings_load(struct daemon_settings *s, const char *path, struct error *err);
void daemon_settings_clear(struct daemon_settings *s);
