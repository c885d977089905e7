/* The hash of everything that an image is made of. */
#pragma once

#include "package.h"

/* 40 hexadecimal digits: of build.yml, the files and directories it names with their modes and contents, the versions
 * and checksums of the Debian packages, and the platform. Caller frees; NULL on failure. */
char *inputs_hash(const struct package *p, struct error *err);
