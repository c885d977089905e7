/* Which disks and CDs are for UEFI firmware, by their first bytes. */
#include "boot_efi.h"

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

int main(void)
{
	test_disks();
	test_cds();
	return tap_done();
}
