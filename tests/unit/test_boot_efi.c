/* What a file is that is to be booted, and whether it is for UEFI firmware, by its first bytes. */
#include <fcntl.h>
#include <unistd.h>

#include "boot_efi.h"
#include "boot_file.h"
#include "io.h"

#include "tap.h"

static void test_disks(void)
{
	uint8_t head[BOOT_DISK_HEAD] = { 0 };

	ok(!boot_disk_is_efi(head, sizeof(head)), "a disk with nothing in it is not");
	memcpy(head + 512, "EFI PART", 8);
	head[450] = 0xee;
	ok(boot_disk_is_efi(head, sizeof(head)), "a disk with a GPT is");
	ok(!boot_disk_is_efi(head, sizeof(head) - 1), "one that ends in the second sector is not");
	head[0] = 0xeb;
	ok(!boot_disk_is_efi(head, sizeof(head)), "one with code for a BIOS is not");
}

static void test_cds(void)
{
	uint8_t record[BOOT_CD_SECTOR] = { 0 }, catalog[64] = { 1, 0xef };

	memcpy(record, "\0CD001\1EL TORITO SPECIFICATION", 30);
	memcpy(record + 0x47, "\x21\x43\x65\x07", 4);
	ok(boot_cd_catalog(record, sizeof(record)) == 0x07654321, "the boot record says where the catalog is");
	ok(boot_cd_catalog(record, 0x47 + 3) == 0, "a record that is cut says nothing");
	record[8] = 'X';
	ok(boot_cd_catalog(record, sizeof(record)) == 0, "another system's record says nothing");
	ok(!boot_cd_is_efi(catalog, sizeof(catalog)), "a catalog without its key is none");
	catalog[30] = 0x55;
	catalog[31] = 0xaa;
	ok(boot_cd_is_efi(catalog, sizeof(catalog)), "a catalog that begins with UEFI is for UEFI");
	ok(!boot_cd_is_efi(catalog, 31), "one that is cut is not");
	catalog[1] = 0;
	ok(!boot_cd_is_efi(catalog, sizeof(catalog)), "one that begins with a PC's BIOS is not");
}

static void be64_put(uint8_t *p, uint64_t v)
{
	for (int i = 7; i >= 0; i--, v >>= 8)
		p[i] = (uint8_t)v;
}

static void test_qcow2_header(void)
{
	uint8_t head[BOOT_DISK_HEAD] = "QFI\xfb\0\0\0\3", entry[8];

	be64_put(head + 40, 0x30000);
	ok(boot_qcow2_table(head, sizeof(head)) == 0x30000, "a qcow2 header says where its table is");
	ok(boot_qcow2_table(head, 79) == 0, "one that is cut does not");
	be64_put(head + 72, 4);
	ok(boot_qcow2_table(head, sizeof(head)) == 0, "one with its content in another file neither");
	head[7] = 2;
	ok(boot_qcow2_table(head, sizeof(head)) == 0x30000, "version 2 has no such thing");
	head[7] = 1;
	ok(boot_qcow2_table(head, sizeof(head)) == 0, "version 1 is another format");
	be64_put(entry, UINT64_C(0x8000000000050001));
	ok(boot_qcow2_entry(entry) == 0x50000, "an entry without its flags");
	be64_put(entry, UINT64_C(0x4000000000050000));
	ok(boot_qcow2_entry(entry) == 0, "compressed bytes are nowhere to be read");
}

/* A qcow2 image of three tables and a GPT, its name without a hint. */
static void test_qcow2(void)
{
	static uint8_t image[0x50000];
	char path[] = "/tmp/test_boot_efi.XXXXXX";
	struct boot b = { .kind = BOOT_DISK, .root = path };
	int fd = mkstemp(path);

	memcpy(image, "QFI\xfb\0\0\0\3", 8);
	be64_put(image + 40, 0x20000);
	be64_put(image + 0x20000, UINT64_C(0x8000000000030000));
	be64_put(image + 0x30000, UINT64_C(0x8000000000040000));
	memcpy(image + 0x40200, "EFI PART", 8);
	ok(fd >= 0 && io_write(fd, image, sizeof(image)) == 0 && boot_is_efi(&b),
	   "a qcow2 image with a GPT is for UEFI");
	image[0x40000] = 1;
	ok(pwrite(fd, image, sizeof(image), 0) == (ssize_t)sizeof(image) && !boot_is_efi(&b),
	   "one with code for a BIOS in front is not");
	memset(image + 0x30000, 0, 8);
	image[0x40000] = 0;
	ok(pwrite(fd, image, sizeof(image), 0) == (ssize_t)sizeof(image) && !boot_is_efi(&b),
	   "one without bytes is not");
	be64_put(image + 40, UINT64_MAX);
	ok(pwrite(fd, image, sizeof(image), 0) == (ssize_t)sizeof(image) && !boot_is_efi(&b),
	   "one whose table is nowhere is not");
	close(fd);
	unlink(path);
}

static void test_files(void)
{
	static const struct {
		const char *bytes;
		size_t len, at;
		enum boot_file file;
	} rows[] = {
		{ "\xeb\x58\x90", 3, 0, BOOT_FILE_DISK },
		{ "\x1f\x8b\x08", 3, 0, BOOT_FILE_COMPRESSED },
		{ "\x28\xb5\x2f\xfd", 4, 0, BOOT_FILE_COMPRESSED },
		{ "\xfd"
		  "7zXZ",
		  6, 0, BOOT_FILE_COMPRESSED },
		{ "ustar  ", 8, 257, BOOT_FILE_ARCHIVE },
		{ "HdrS", 4, 0x202, BOOT_FILE_KERNEL },
		{ "\1CD001\1", 7, 32768, BOOT_FILE_ISO },
		{ "CD001", 5, 32768, BOOT_FILE_DISK },
	};
	static uint8_t head[BOOT_FILE_HEAD];

	for (size_t i = 0; i < array_len(rows); i++) {
		memset(head, 0, sizeof(head));
		memcpy(head + rows[i].at, rows[i].bytes, rows[i].len);
		ok(boot_file_parse(head, sizeof(head)) == rows[i].file, "file %zu is what its bytes say", i);
		ok(boot_file_parse(head, rows[i].at + 1) == BOOT_FILE_DISK, "cut, it is a disk");
	}
	memcpy(head, "\x1f\x8b\x08", 3);
	memcpy(head + 32768, "\1CD001", 6);
	ok(boot_file_parse(head, sizeof(head)) == BOOT_FILE_ISO, "a CD may have anything in front");
}

int main(void)
{
	test_disks();
	test_cds();
	test_qcow2_header();
	test_qcow2();
	test_files();
	return tap_done();
}
