#include "boot_efi.h"

#include <fcntl.h>
#include <string.h>

#include "cleanup.h"
#include "io.h"
#include "str.h"

static bool bytes_zero(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

bool boot_disk_is_efi(const uint8_t *head, size_t n)
{
	enum { MBR_CODE = 440, GPT = 512 };

	return n >= BOOT_DISK_HEAD && memcmp(head + GPT, "EFI PART", 8) == 0 && bytes_zero(head, MBR_CODE);
}

uint32_t boot_cd_catalog(const uint8_t *r, size_t n)
{
	enum { ID = 7, CATALOG = 0x47 };
	static const char torito[] = "EL TORITO SPECIFICATION";

	if (n < CATALOG + 4 || memcmp(r, "\0CD001\1", 7) != 0 || memcmp(r + ID, torito, sizeof(torito) - 1) != 0)
		return 0;
	return (uint32_t)r[CATALOG] | (uint32_t)r[CATALOG + 1] << 8 | (uint32_t)r[CATALOG + 2] << 16 |
		(uint32_t)r[CATALOG + 3] << 24;
}

bool boot_cd_is_efi(const uint8_t *c, size_t n)
{
	enum { PLATFORM = 1, KEY = 30, EFI = 0xef };

	return n >= KEY + 2 && c[0] == 1 && c[KEY] == 0x55 && c[KEY + 1] == 0xaa && c[PLATFORM] == EFI;
}

static bool cd_is_efi(int fd)
{
	uint8_t sector[BOOT_CD_SECTOR];
	ssize_t n = io_pread(fd, sector, sizeof(sector), BOOT_CD_RECORD * BOOT_CD_SECTOR);
	uint32_t catalog = n > 0 ? boot_cd_catalog(sector, (size_t)n) : 0;

	if (!catalog)
		return false;
	n = io_pread(fd, sector, sizeof(sector), (off_t)catalog * BOOT_CD_SECTOR);
	return n > 0 && boot_cd_is_efi(sector, (size_t)n);
}

static uint64_t be64_read(const uint8_t *p)
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

uint64_t boot_qcow2_table(const uint8_t *head, size_t n)
{
	enum { TABLE = 40, FEATURES = 72, DATA_FILE = 1 << 2 };

	if (n < FEATURES + 8 || memcmp(head, "QFI\xfb\0\0\0", 7) != 0 || (head[7] != 2 && head[7] != 3))
		return 0;
	if (head[7] == 3 && be64_read(head + FEATURES) & DATA_FILE)
		return 0;
	return be64_read(head + TABLE);
}

uint64_t boot_qcow2_entry(const uint8_t entry[8])
{
	uint64_t v = be64_read(entry);

	return v & UINT64_C(1) << 62 ? 0 : v & UINT64_C(0x00fffffffffffe00);
}

/* Where in the file the disk's first bytes are, 0 where they are nowhere to be read. */
static uint64_t qcow2_start(int fd, uint64_t at)
{
	uint8_t entry[8];

	for (int level = 1; at && level <= 2; level++)
		at = at <= INT64_MAX && io_pread(fd, entry, sizeof(entry), (off_t)at) == (ssize_t)sizeof(entry)
			? boot_qcow2_entry(entry)
			: 0;
	return at;
}

static bool disk_is_efi(int fd, const char *name)
{
	uint8_t head[BOOT_DISK_HEAD];
	ssize_t n = io_pread(fd, head, sizeof(head), 0);
	uint64_t at = n > 0 ? boot_qcow2_table(head, (size_t)n) : 0;

	if (at) {
		at = qcow2_start(fd, at);
		if (!at)
			return str_ends(name, "-efi.qcow2");
		n = io_pread(fd, head, sizeof(head), (off_t)at);
	}
	return n > 0 && boot_disk_is_efi(head, (size_t)n);
}

bool boot_is_efi(const struct boot *b)
{
	_cleanup_close_ int fd = -1;

	if (b->kind != BOOT_ISO && b->kind != BOOT_DISK)
		return false;
	fd = open(b->root, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	return b->kind == BOOT_ISO ? cd_is_efi(fd) : disk_is_efi(fd, b->root);
}
