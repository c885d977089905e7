/* The two files of a bundle, read as JSON: `runtime.json` (oci_runtime.h) and `config.json` (oci_config.h). Unknown
 * fields are ignored, a null counts as absent, a field of the wrong type is refused by name. */
#pragma once

#include <stddef.h>

/* No file of either kind may be longer. */
#define OCI_FILE_MAX ((size_t)1 << 20)
