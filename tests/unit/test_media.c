/* Disks that cannot be made: the message says how much is too much. The files are holes, nothing of them is read. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "io.h"
#include "media.h"
#include "tap.h"

static char dir[] = "/var/tmp/test_media.XXXXXX", kernel[64], initrd[64];

static void file_make(const char *path, off_t size)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || ftruncate(fd, size) < 0)
		abort();
}

static void test_sizes(void)
{
	static const struct {
		const char *what, *wants;
		int (*make)(const struct media_boot *boot, uint64_t size, int fd, struct error *err);
		off_t initrd;
		uint64_t size;
		int code;
	} rows[] = {
		{ "a file that FAT does not take",
		  "/initrd.img would have 4096 MiB, and FAT takes files of less than 4096 MiB", media_bios_disk,
		  INT64_C(4) << 30, 0, EFBIG },
		{ "more than the BIOS disk's size", "--size 100M: the disk needs at least 209M", media_bios_disk,
		  200 << 20, 100 << 20, EFBIG },
		{ "an EFI program that would be too large", "an EFI program has less than 4096 MiB", media_efi_disk,
		  INT64_C(4) << 30, 0, EFBIG },
	};

	for (size_t i = 0; i < array_len(rows); i++) {
		_cleanup_error_ struct error err = { 0 };
		_cleanup_close_ int fd = memfd_create("disk", MFD_CLOEXEC);
		struct media_boot b = {
			.dir = dir, .kernel = kernel, .initrd = initrd, .cmdline = "a=b", .arch = "amd64"
		};

		file_make(initrd, rows[i].initrd);
		ok(rows[i].make(&b, rows[i].size, fd, &err) < 0 && err.code == rows[i].code, "refused: %s",
		   rows[i].what);
		ok(strstr(error_text(&err), rows[i].wants) != NULL, "with the sizes: %s", error_text(&err));
	}
}

static void test_cmdline(void)
{
	char line[2100];
	_cleanup_error_ struct error err = { 0 };
	_cleanup_buf_ struct buf out = { 0 };

	memset(line, 'x', sizeof(line));
	line[2047] = '\n';
	line[2048] = '\0';
	ok(media_syslinux_config("/kernel", NULL, line, &out, &err) == 0,
	   "a command line of 2047 bytes and a line's end is taken");
	line[2047] = 'x';
	ok(media_syslinux_config("/kernel", NULL, line, &out, &err) < 0 && err.code == E2BIG, "one byte more is not");
}

/* The header as U-Boot reads it, and the sums. */
static void test_uimage(void)
{
	static const struct media_uimage u = {
		.type = UIMAGE_KERNEL, .address = 0x80000, .gzip = true, .name = "name"
	};
	_cleanup_error_ struct error err = { 0 };
	_cleanup_buf_ struct buf text = { 0 };
	char to[80];
	const uint8_t *h;

	snprintf(to, sizeof(to), "%s/uimage", dir);
	ok(file_write(kernel, "123456789", 9, 0600, &err) == 0 &&
		   media_uimage_write(&u, kernel, 1492533000, to, &err) == 0 && file_read(to, 4096, &text, &err) == 0 &&
		   text.len == 73,
	   "a header of 64 bytes and the content");
	h = buf_bytes(&text);
	ok(memcmp(h, "\x27\x05\x19\x56", 4) == 0 && memcmp(h + 8, "\x58\xf6\x3f\x08", 4) == 0, "its magic and time");
	ok(memcmp(h + 12, "\0\0\0\x09\0\x08\0\0\0\x08\0\0", 12) == 0, "size, and where it is loaded and starts");
	ok(memcmp(h + 24, "\xcb\xf4\x39\x26", 4) == 0, "the sum of the content (that of \"123456789\" is well known)");
	ok(memcmp(h + 28, "\5\x16\2\1name", 8) == 0, "Linux, arm64, a kernel, gzip, its name");
	ok(memcmp(h + 64, "123456789", 9) == 0, "the content behind it");
}

int main(void)
{
	if (!mkdtemp(dir))
		return 1;
	snprintf(kernel, sizeof(kernel), "%s/kernel", dir);
	snprintf(initrd, sizeof(initrd), "%s/initrd", dir);
	file_make(kernel, 1 << 20);
	test_sizes();
	test_cmdline();
	test_uimage();
	dir_remove(dir, NULL);
	return tap_done();
}
