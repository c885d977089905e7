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

bool boot_is_efi(const struct boot *b)
{
	_cleanup_close_ int fd = -1;
	uint8_t head[BOOT_DISK_HEAD];
	ssize_t n;

	if (b->kind != BOOT_ISO && b->kind != BOOT_DISK)
		return false;
	if (str_ends(b->root, "-efi.qcow2"))
		return true;
	fd = open(b->root, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (b->kind == BOOT_ISO)
		return cd_is_efi(fd);
	n = io_pread(fd, head, sizeof(head), 0);
	return n > 0 && boot_disk_is_efi(head, (size_t)n);
}
