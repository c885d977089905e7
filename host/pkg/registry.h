/* Images from the cache to a registry, through skopeo. */
#pragma once

#include <stdbool.h>

#include "error.h"
#include "store.h"

/* Copies what the cache lists under the name (all platforms) to the registry that the name says. skopeo's messages go
 * to standard error when verbose, and into the error when it fails. */
int registry_push(struct store *store, const char *name, bool verbose, struct error *err);
/* Into the Docker daemon of this machine, for its own platform. */
int registry_load_docker(struct store *store, const char *name, struct error *err);
