#include "kernel_file.h"

#include <elf.h>
#include <stddef.h>
#include <string.h>

#include "str.h"

static uint32_t le16_get(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t le32_get(const uint8_t *p)
{
	return le16_get(p) | le16_get(p + 2) << 16;
}

static uint64_t le64_get(const uint8_t *p)
{
	return le32_get(p) | (uint64_t)le32_get(p + 4) << 32;
}

/* How long the file has to be for what its headers speak of; 0: these headers say nothing of it. */

/* The setup code's sectors behind the first, then the protected-mode code in units of 16 bytes. */
static uint64_t bzimage_end(const uint8_t *h)
{
	return ((uint64_t)(h[0x1f1] ? h[0x1f1] : 4) + 1) * 512 + (uint64_t)le32_get(h + 0x1f4) * 16;
}

static uint64_t pe_end(const uint8_t *h, size_t n)
{
	enum { SECTIONS = 6, OPTIONAL_SIZE = 20, HEADER = 24, SECTION = 40, RAW_SIZE = 16, RAW_OFFSET = 20 };
	size_t at = n >= 0x40 ? le32_get(h + 0x3c) : n, table;
	uint64_t end = 0;
	uint32_t i, count;

	if (at > n || n - at < HEADER || memcmp(h + at, "PE\0\0", 4) != 0)
		return 0;
	count = le16_get(h + at + SECTIONS);
	table = at + HEADER + le16_get(h + at + OPTIONAL_SIZE);
	for (i = 0; i < count && table + SECTION <= n; i++, table += SECTION) {
		uint64_t e = (uint64_t)le32_get(h + table + RAW_SIZE) + le32_get(h + table + RAW_OFFSET);

		if (e > end)
			end = e;
	}
	return end;
}

static uint64_t elf_end(const uint8_t *h, size_t n)
{
	uint64_t end = 0, at;
	unsigned count;

	if (n < sizeof(Elf64_Ehdr) || h[EI_CLASS] != ELFCLASS64 || h[EI_DATA] != ELFDATA2LSB)
		return 0;
	at = le64_get(h + offsetof(Elf64_Ehdr, e_phoff));
	count = le16_get(h + offsetof(Elf64_Ehdr, e_phnum));
	for (unsigned i = 0; i < count && at <= n && n - at >= sizeof(Elf64_Phdr); i++, at += sizeof(Elf64_Phdr)) {
		const uint8_t *p = h + at;
		uint64_t offset = le64_get(p + offsetof(Elf64_Phdr, p_offset)),
			 size = le64_get(p + offsetof(Elf64_Phdr, p_filesz));

		if (le32_get(p + offsetof(Elf64_Phdr, p_type)) == PT_LOAD && size <= UINT64_MAX - offset &&
		    offset + size > end)
			end = offset + size;
	}
	return end;
}

static bool is_multiboot(const uint8_t *h, size_t n)
{
	for (size_t i = 0; i + 4 <= n && i < 8192; i += 4)
		if (le32_get(h + i) == 0x1badb002)
			return true;
	return false;
}

static bool head_begins(const uint8_t *h, size_t n, size_t at, const char *magic, size_t len)
{
	return n >= at + len && memcmp(h + at, magic, len) == 0;
}

static uint64_t size_larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

int kernel_file_check(const uint8_t *h, size_t n, uint64_t size, struct error *err)
{
	uint64_t end = 0;

	if (head_begins(h, n, 0x202, "HdrS", 4))
		end = size_larger(bzimage_end(h), pe_end(h, n));
	else if (head_begins(h, n, 0, "MZ", 2) && head_begins(h, n, 4, "zimg", 4) && n >= 16)
		end = size_larger((uint64_t)le32_get(h + 8) + le32_get(h + 12), pe_end(h, n));
	else if (head_begins(h, n, 0x38, "ARM\x64", 4))
		end = pe_end(h, n);
	else if (head_begins(h, n, 0, "\177ELF", 4))
		end = elf_end(h, n);
	else if (!head_begins(h, n, 0, "\x1f\x8b", 2) && !head_begins(h, n, 0, "\x27\x05\x19\x56", 4) &&
		 !is_multiboot(h, n))
		return error_set(err, 0, "this is no kernel that QEMU boots (bzImage, Image, ELF)");
	if (end > size)
		return error_set(err, 0, "the kernel is cut: %llu bytes of at least %llu are there",
				 (unsigned long long)size, (unsigned long long)end);
	return 0;
}
