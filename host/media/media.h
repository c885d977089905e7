/* Disks that a machine's firmware boots: partition table, FAT file system, boot loader, kernel and initrd. They are
 * made by the distribution's tools on a file without a name. Nothing is mounted and nobody has to be root: that is why
 * a BIOS disk has FAT with syslinux, where LinuxKit has ext4 with extlinux, which is installed on a mounted file
 * system.
 *
 * The same input gives the same bytes: serial numbers and UUIDs are fixed, times are those of the caller. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "error.h"

struct signer;

/* Bytes of a command line: what kernels of x86 and arm64 take (COMMAND_LINE_SIZE) without the zero at its end, and what
 * syslinux does. The kernel would drop the rest without a word. */
enum { MEDIA_CMDLINE_MAX = 2047 };

struct media_boot {
	const char *dir;     /* a private directory for what is made on the way */
	const char *kernel;  /* file */
	const char *initrd;  /* file, NULL: none */
	const char *cmdline; /* a line's end in it counts as a space */
	const char *root;    /* file: the root, for a partition of its own (UEFI only); NULL: none */
	const char *root_uuid;
	const struct signer *signer; /* signs all that UEFI firmware starts; NULL: nobody */
	const char *arch;            /* in Go's words */
	int64_t time;                /* of all files, in seconds since 1970 */
};

/* MBR with one active partition, syslinux; amd64 only. size: of the disk in bytes, 0: as large as needed. What the
 * partition does not need is left free. fd: a regular file, empty. EFBIG when the content is larger than size or FAT
 * takes, E2BIG when the command line is longer than the kernel takes. */
int media_bios_disk(const struct media_boot *boot, uint64_t size, int fd, struct error *err);
/* GPT with an EFI system partition, and a read-only one of the root where there is one: systemd-boot, and kernel,
 * initrd and command line as one unified kernel image (uapi-group.org, Unified Kernel Image). */
int media_efi_disk(const struct media_boot *boot, uint64_t size, int fd, struct error *err);
/* The unified kernel image alone. */
int media_efi_kernel(const struct media_boot *boot, const char *path, struct error *err);

/* GPT with an EFI system partition and two slots, "pith-a" and "pith-b", each with a root; the boot loader knows both
 * systems, counts how often it starts one, and starts a first (Boot Loader Specification, "Boot counting"). */
struct media_system {
	const char *kernel; /* a unified kernel image, which finds its root by the UUID */
	const char *root;   /* an erofs image */
	uint8_t uuid[16];   /* that it gets */
};
enum { MEDIA_SYSTEMS = 2 };
/* size 0: a slot has twice what its root needs. */
int media_ab_disk(const struct media_boot *boot, const struct media_system systems[MEDIA_SYSTEMS], uint64_t size,
		  int fd, struct error *err);
/* Gives an erofs image, at an offset of a file, a UUID. */
int media_root_identify(int fd, uint64_t offset, const uint8_t uuid[16], struct error *err);

/* That partition's file system for an ISO image (UEFI specification, 13.3.2: El Torito): the firmware starts the
 * unified kernel image itself. */
int media_efi_volume(const struct media_boot *boot, int fd, struct error *err);

/* What syslinux and isolinux read; paths as in the boot loader's file system, initrd NULL: none. E2BIG when the command
 * line is longer than the loader takes. */
int media_syslinux_config(const char *kernel, const char *initrd, const char *cmdline, struct buf *out,
			  struct error *err);

enum media_kind {
	MEDIA_QCOW2,
	MEDIA_VHD,         /* fixed size */
	MEDIA_DYNAMIC_VHD, /* grows */
	MEDIA_VMDK,        /* streamOptimized, as VMware's import takes it */
};
/* A raw disk in another format, by qemu-img. */
int media_convert(enum media_kind kind, int disk, int fd, struct error *err);
/* disk.raw in a tar archive (GNU's old format), gzipped: what Google's import takes. */
int media_gcp(int disk, int64_t time, int fd, const char *name, struct error *err);

/* --- U-Boot, for 64-bit ARM --- */
enum media_uimage_type { UIMAGE_KERNEL = 2, UIMAGE_RAMDISK = 3, UIMAGE_SCRIPT = 6 };
struct media_uimage {
	enum media_uimage_type type;
	uint32_t address; /* where a kernel is loaded and starts */
	bool gzip;        /* U-Boot unpacks it, or whoever gets it does */
	const char *name; /* at most 32 bytes */
};
/* Makes `to` of the file `from`. EFBIG: more than 4 GiB. */
int media_uimage_write(const struct media_uimage *u, const char *from, int64_t time, const char *to, struct error *err);
