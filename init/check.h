/* Reading all of a mapping before anything on it runs. */
#pragma once

#include <stdint.h>

/* blocks: of VERITY_BLOCK bytes. Several processes read, as many as there are processors. NULL: each block is what was
 * built; else which one is not, the first that was found. */
const char *const *check_all(const char *node, uint64_t blocks);
