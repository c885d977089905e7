/* Writing the cpio "newc" format, as the kernel's initramfs takes it
 * (https://www.kernel.org/doc/Documentation/driver-api/early-userspace/buffer-format.rst). No I/O.
 *
 *   header 110 bytes: "070701" and 13 fields of 8 hexadecimal digits; name with NUL, padded to 4 (from the header's
 * start); content, padded to 4. A hard-linked file is written once with content, its other names with size 0 and the
 * same ino.
 *
 * A name may have more than one NUL behind it, all of which its size counts. So the content of a large file gets a
 * place on whole pages, which the tuned kernel makes the file's own instead of copying them. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "buf.h"
#include "error.h"

/* Content of this size and more begins at a multiple of CPIO_PAGE, unless the name would get longer than a kernel
 * takes: three places in a thousand. */
enum { CPIO_PAGE = 4096, CPIO_PAGES_FROM = 65536 };

struct cpio_entry {
	const char *path; /* without a leading slash; "." for the root */
	uint32_t ino;
	uint32_t mode; /* with the type: S_IFREG | 0644 */
	uint32_t uid, gid;
	uint32_t names; /* hard links in all */
	int64_t mtime;  /* the format has unsigned 32 bits: other times are clamped */
	uint64_t size;
	uint32_t major, minor; /* of devices */
	uint64_t at;           /* where in the archive's file the header comes to stand; a multiple of 4 */
};

/* Appends header and name with their padding. EFBIG for 4 GiB and more, ENAMETOOLONG over the kernel's 4095. */
int cpio_write_header(struct buf *out, const struct cpio_entry *e, struct error *err);
/* Appends the entry that ends an archive. */
int cpio_write_trailer(struct buf *out, struct error *err);

static inline uint32_t cpio_padding(uint64_t n)
{
	return (uint32_t)(-n & 3);
}
