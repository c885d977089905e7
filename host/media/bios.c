/* Disks for a BIOS: the MBR's code starts the active partition, whose boot sector starts syslinux. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "media_private.h"
#include "str.h"
#include "tool.h"

static const char mbr_file[] = "/usr/lib/syslinux/mbr/mbr.bin";

/* From sector 2048 on, where every tool begins a partition. */
enum { PARTITION = MIB, MBR_CODE = 440 };

int media_syslinux_config(const char *kernel, const char *initrd, const char *cmdline, struct buf *out,
			  struct error *err)
{
	_cleanup_free_ char *line = cmdline_check(cmdline, err);

	if (!line)
		return -1;
	if (buf_addf(out, "DEFAULT linux\nPROMPT 0\nLABEL linux\n    KERNEL %s\n", kernel) < 0 ||
	    (initrd && buf_addf(out, "    INITRD %s\n", initrd) < 0) || buf_addf(out, "    APPEND %s\n", line) < 0)
		return error_set(err, ENOMEM, "command line");
	return 0;
}

static int mbr_code_write(int fd, struct error *err)
{
	_cleanup_buf_ struct buf code = { 0 };

	if (file_read(mbr_file, MBR_CODE, &code, err) < 0)
		return -1;
	if (pwrite(fd, buf_bytes(&code), code.len, 0) != (ssize_t)code.len)
		return error_set(err, errno, "boot sector");
	return 0;
}

static int syslinux_install(int fd, int64_t time, struct error *err)
{
	_cleanup_free_ char *offset = str_format("%d", PARTITION);
	char *const argv[] = { "syslinux", "--offset", offset, "--install", IMAGE_PATH, NULL };
	struct tool tool = { .package = "syslinux", .argv = argv, .image = fd, .epoch = &time };

	return offset ? tool_run(&tool, err) : error_set(err, ENOMEM, "syslinux");
}

static int bios_write(const struct media_boot *b, const struct fat_file *files, size_t n, uint64_t asked, int fd,
		      struct error *err)
{
	_cleanup_free_ char *script = NULL;
	uint64_t fat, size;

	if (fat_size(files, n, &fat, err) < 0 || disk_size(asked, PARTITION + fat, &size, err) < 0 ||
	    image_reserve(fd, size, PARTITION + fat, err) < 0)
		return -1;
	/* type c: FAT32 in logical blocks */
	script = str_format("label: dos\nlabel-id: 0x" MEDIA_SERIAL "\nstart=%d, size=%llu, type=c, bootable\n",
			    PARTITION / SECTOR, (unsigned long long)fat / SECTOR);
	if (!script)
		return error_set(err, ENOMEM, "partitions");
	if (partition_write(fd, script, err) < 0 || mbr_code_write(fd, err) < 0 ||
	    fat_make(fd, PARTITION, fat, b->time, NULL, files, n, err) < 0)
		return -1;
	return syslinux_install(fd, b->time, err);
}

int media_bios_disk(const struct media_boot *b, uint64_t size, int fd, struct error *err)
{
	_cleanup_free_ char *config = str_format("%s/syslinux.cfg", b->dir);
	_cleanup_buf_ struct buf text = { 0 };
	struct fat_file files[] = {
		{ config, "/syslinux.cfg" },
		{ b->kernel, "/kernel" },
		{ b->initrd, "/initrd.img" },
	};

	if (!config)
		return error_set(err, ENOMEM, "disk");
	if (tool_file(mbr_file, "syslinux-common", err) < 0 ||
	    media_syslinux_config("/kernel", b->initrd ? "/initrd.img" : NULL, b->cmdline, &text, err) < 0 ||
	    file_write(config, buf_bytes(&text), text.len, 0644, err) < 0)
		return -1;
	return bios_write(b, files, array_len(files) - (b->initrd ? 0 : 1), size, fd, err);
}
