/* Unified kernel images: an EFI program (systemd's stub) with the kernel, its initrd and its command line as sections.
 * https://uapi-group.org/specifications/specs/unified_kernel_image/, Microsoft's PE Format. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "error.h"

struct uki_section {
	const char *name; /* at most 8 bytes */
	uint64_t size;    /* of its content */
	uint64_t at;      /* filled in: where in the file the content goes; zeros up to there */
};

/* Adds sections to the headers of the stub, which is all in `stub`; what it has behind its sections is dropped. *end:
 * the size of the file then. EINVAL: these bytes are no EFI program that has room for more sections; EFBIG: more than
 * such a file holds. */
int uki_plan(struct buf *stub, struct uki_section *sections, size_t n, uint64_t *end, struct error *err);
