/* What containerd is given of a bundle's config.json. */
#pragma once

#include "error.h"

/* The specification with the root's absolute path; NULL on failure. The caller frees it. */
char *spec_read(const char *bundle, struct error *err);
/* The process of a further command in the container, as JSON; likewise. */
char *spec_process_read(const char *bundle, char *const *argv, struct error *err);
