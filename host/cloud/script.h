/* The shell scripts that bring an image to a cloud with the cloud's own tool, and make a machine image of it there. */
#pragma once

#include <stdbool.h>

#include "buf.h"
#include "error.h"

/* What the options of `pith push` say; NULL: not given. LinuxKit's names and environment variables. */
struct push_options {
	const char *image_name, *bucket, *sriov, *resource_group, *account, *keys, *project, *family, *zone, *base_url,
		*arch, *destination, *url, *datacenter, *datastore, *host, *folder;
	bool ena, uefi, tpm, public, nested, run;
};

/* NULL-terminated. */
extern const char *const push_providers[];

/* Appends the script for a file. provider: a place in the list. -1 with an error that names the option that is lacking.
 */
int push_script(size_t provider, const struct push_options *o, const char *file, struct buf *out, struct error *err);
/* The provider's tool, for a message. */
const char *push_tool(size_t provider);
