/* What is on a device before it is encrypted, and what is made after that. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "crypt_mark.h"
#include "crypto.h"
#include "edges.h"
#include "io.h"
#include "probe.h"
#include "str.h"
#include "tool.h"

enum { RESERVED = 1 << 16, FIRST_INODES = 11 };

static uint32_t word_read(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* The kernel's Documentation/filesystems/ext4/super.rst: inodes, free inodes, the magic, when it was mounted, how
 * often.
 */
static bool ext4_unused(const uint8_t super[1024])
{
	return super[0x38] == 0x53 && super[0x39] == 0xef && word_read(super + 0x2c) == 0 && super[0x34] == 0 &&
		super[0x35] == 0 && word_read(super) >= FIRST_INODES &&
		word_read(super + 0x10) == word_read(super) - FIRST_INODES;
}

int contents_blank(const char *device, char label[CRYPT_LABEL], char **what, struct error *err)
{
	_cleanup_probe_ struct probe found = { 0 };
	_cleanup_close_ int fd = drive_open(device, false, err);
	uint8_t super[1024];
	int r = fd < 0 ? -1 : probe_device(device, &found, err);

	*what = NULL;
	*label = '\0';
	if (r < 0)
		return -1;
	if (r == 0) {
		r = edges_blank(fd, err);
		if (r == 0)
			*what = strdup("something that is neither empty nor known");
		return r < 0 ? error_wrap(err, "%s", device) : r;
	}
	if (found.type && str_eq(found.type, "ext4") && io_pread(fd, super, sizeof(super), 1024) == 1024 &&
	    ext4_unused(super)) {
		snprintf(label, CRYPT_LABEL, "%s", found.label ? found.label : "");
		return 1;
	}
	*what = probe_text(&found);
	return 0;
}

int contents_make(const struct crypto *c, struct error *err)
{
	_cleanup_close_ int fd = drive_open(c->mapped, false, err);
	off_t bytes = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
	_cleanup_free_ char *size = NULL;

	if (fd < 0)
		return -1;
	if (bytes <= 2 * RESERVED)
		return error_set(err, ENOSPC, "%s", c->device);
	size = str_format("%lluk", (unsigned long long)(bytes - RESERVED) / 1024);
	if (!size)
		return error_set(err, ENOMEM, "%s", c->device);
	close(steal_fd(&fd));
	if (tool_must((char *const[]){ (char *)"mkfs.ext4", (char *)"-q", (char *)"-F", (char *)"-E",
				       (char *)"nodiscard", (char *)c->mapped, size, NULL },
		      err) < 0)
		return error_wrap(err, "%s", c->mapped);
	fd = drive_open(c->mapped, true, err);
	if (fd < 0)
		return -1;
	return fsync(fd) < 0 ? error_set(err, errno, "%s", c->mapped) : 0;
}
