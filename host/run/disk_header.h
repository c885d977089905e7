/* What the first bytes of a disk image say. They are no more than a hint: a guest with a raw disk writes what it likes
 * there, also the header of a format that names other files of the host.
 *
 * qcow2: https://www.qemu.org/docs/master/interop/qcow2.html. VHD: Microsoft's "Virtual Hard Disk Image Format
 * Specification". VMDK: VMware's "Virtual Disk Format 5.0". */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* So much is looked at: header extensions are in the first cluster. */
enum { DISK_HEAD = 65536, DISK_NAME_MAX = 1024 };

struct disk_header {
	const char *format;          /* as QEMU names it; NULL: nothing that is known, so the disk is raw */
	char backing[DISK_NAME_MAX]; /* qcow2: the file under it, as the header names it; "" without */
	char backing_format[32];     /* "" where the header does not say: QEMU would look at that file's first bytes */
	uint64_t size;               /* qcow2: what the guest sees, in bytes */
	bool data_file;              /* qcow2: the content is in another file */
	bool names_files;            /* another file is opened with it, or may be */
};

/* Takes any bytes. */
void disk_header_parse(const uint8_t *head, size_t n, struct disk_header *out);

/* The last bytes of a file: those of a VHD of fixed size, whose first bytes are the guest's. */
enum { DISK_FOOTER = 512 };
bool disk_footer_is_fixed_vhd(const uint8_t footer[DISK_FOOTER]);

/* The format that a file's name speaks of (".qcow2"), or NULL. */
const char *disk_name_format(const char *path);
