/* Writing the cpio "newc" format, as the kernel's initramfs takes it
 * (https://www.kernel.org/doc/Documentation/driver-api/early-userspace/buffer-format.rst). No I/O.
 *
 *   header 110 bytes: "070701" and 13 fields of 8 hexadecimal digits; name with NUL, padded to 4 (from the header's
 * start); content, padded to 4. A hard-linked file is written once with content, its other names with size 0 and the
 * same ino. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "buf.h"
#include "error.h"

struct cpio_entry {
	const char *path; /* without a leading slash; "." for the root */
	uint32_t ino;
	uint32_t mode; /* with the type: S_IFREG | 0644 */
	uint32_t uid, gid;
	uint32_t names; /* hard links in all */
	int64_t mtime;  /* the format has unsigned 32 bits: other times are clamped */
	uint64_t size;
	uint32_t major, minor; /* of devices */
};

/* Appends header and name with their padding. EFBIG for 4 GiB and more, ENAMETOOLONG over the kernel's 4095. */
int cpio_write_header(struct buf *out, const struct cpio_entry *e, struct error *err);
/* Appends the entry that ends an archive. */
int cpio_write_trailer(struct buf *out, struct error *err);

static inline uint32_t cpio_padding(uint64_t n)
{
	return (uint32_t)(-n & 3);
}
