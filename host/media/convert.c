/* A raw disk in the formats of other hypervisors, by qemu-img. What that program makes up (times, identities) is
 * replaced by what is the same every time.
 *
 * VHD: Microsoft's "Virtual Hard Disk Image Format Specification". VMDK: VMware's "Virtual Disk Format 5.0". */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io.h"
#include "media_private.h"
#include "str.h"
#include "tool.h"

static int vhd_footer_fix(int fd, off_t at, struct error *err)
{
	enum { TIME = 24, CHECKSUM = 64, ID = 68, ID_SIZE = 16 };
	uint8_t f[SECTOR];
	uint32_t sum = 0;

	if (io_pread(fd, f, sizeof(f), at) != (ssize_t)sizeof(f) || memcmp(f, "conectix", 8) != 0)
		return error_say(err, EIO, "qemu-img wrote no VHD footer");
	memset(f + TIME, 0, 4);
	memset(f + CHECKSUM, 0, 4);
	memset(f + ID, 0, ID_SIZE);
	memcpy(f + ID, "pith", 4);
	for (size_t i = 0; i < sizeof(f); i++)
		sum += f[i];
	sum = ~sum;
	for (int i = 0; i < 4; i++)
		f[CHECKSUM + i] = (uint8_t)(sum >> (24 - 8 * i));
	return pwrite(fd, f, sizeof(f), at) == (ssize_t)sizeof(f) ? 0 : error_set(err, errno, "VHD footer");
}

/* One at the end, a copy of it at the beginning of those that grow. */
static int vhd_fix(int fd, bool grows, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_set(err, errno, "VHD");
	if (grows && vhd_footer_fix(fd, 0, err) < 0)
		return -1;
	return vhd_footer_fix(fd, st.st_size - SECTOR, err);
}

/* The descriptor is text, padded with zeros: its content's identity becomes one of eight digits. */
static int vmdk_fix(int fd, struct error *err)
{
	enum { DESCRIPTOR = SECTOR, SIZE = 20 * SECTOR };
	static const char key[] = "\nCID=", id[] = MEDIA_SERIAL;
	char text[SIZE + 1], *at, *end;
	size_t rest;

	if (io_pread(fd, text, SIZE, DESCRIPTOR) != SIZE)
		return error_set(err, EIO, "VMDK descriptor");
	text[SIZE] = '\0';
	at = strstr(text, key);
	if (!at)
		return error_say(err, EIO, "qemu-img wrote no VMDK descriptor");
	at += sizeof(key) - 1;
	end = at + strcspn(at, "\n");
	rest = strlen(end) + 1;
	if ((size_t)(at - text) + sizeof(id) - 1 + rest > SIZE)
		return error_say(err, EIO, "the VMDK descriptor has no room");
	memmove(at + sizeof(id) - 1, end, rest);
	memcpy(at, id, sizeof(id) - 1);
	end = text + strlen(text);
	memset(end, 0, (size_t)(text + SIZE - end));
	return pwrite(fd, text, SIZE, DESCRIPTOR) == SIZE ? 0 : error_set(err, errno, "VMDK descriptor");
}

int media_convert(enum media_kind kind, int disk, int fd, struct error *err)
{
	static const struct {
		const char *format, *options;
	} kinds[] = {
		[MEDIA_QCOW2] = { "qcow2", "compat=1.1" },
		[MEDIA_VHD] = { "vpc", "subformat=fixed,force_size=on" },
		[MEDIA_DYNAMIC_VHD] = { "vpc", "subformat=dynamic,force_size=on" },
		[MEDIA_VMDK] = { "vmdk", "adapter_type=lsilogic,subformat=streamOptimized,compat6=on" },
	};
	char *const argv[] = { "qemu-img",  "convert",
			       "-f",        "raw",
			       "-O",        (char *)kinds[kind].format,
			       "-o",        (char *)kinds[kind].options,
			       SOURCE_PATH, IMAGE_PATH,
			       NULL };
	struct tool tool = { .package = "qemu-utils", .argv = argv, .image = fd, .source = &disk };

	if (tool_run(&tool, err) < 0)
		return -1;
	if (kind == MEDIA_VHD || kind == MEDIA_DYNAMIC_VHD)
		return vhd_fix(fd, kind == MEDIA_DYNAMIC_VHD, err);
	return kind == MEDIA_VMDK ? vmdk_fix(fd, err) : 0;
}
