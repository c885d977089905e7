/* Where things are in a program of 64-bit EFI (Microsoft's PE Format), from its signature on, and in a section's
 * header. */
#pragma once

#include <stdint.h>

enum {
	DOS_PE = 0x3c,
	PE_SECTIONS = 6,
	PE_SYMBOLS = 12, /* where they are, how many */
	PE_OPTIONAL_SIZE = 20,
	PE_OPTIONAL = 24,
	OPT_INITIALIZED = PE_OPTIONAL + 8,
	OPT_SECTION_ALIGNMENT = PE_OPTIONAL + 32,
	OPT_FILE_ALIGNMENT = PE_OPTIONAL + 36,
	OPT_IMAGE_SIZE = PE_OPTIONAL + 56,
	OPT_HEADERS_SIZE = PE_OPTIONAL + 60,
	OPT_CHECKSUM = PE_OPTIONAL + 64,
	OPT_DIRECTORIES = PE_OPTIONAL + 108, /* how many */
	OPT_CERTIFICATES = PE_OPTIONAL + 112 + 8 * 4,
	OPT_MIN = 112, /* of the 64-bit form, without directories */
	DIRECTORY_CERTIFICATES = 4,
	SECTION = 40,
	SECTION_NAME = 8,
	SECTION_RAW_SIZE = 16,
	SECTION_RAW = 20,
};

#define PE32_PLUS           0x20b
#define SECTION_INITIALIZED 0x40
#define SECTION_READ        0x40000000u

static inline uint32_t le16_get(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static inline uint32_t le32_get(const uint8_t *p)
{
	return le16_get(p) | le16_get(p + 2) << 16;
}

static inline void le32_put(uint8_t *p, uint64_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}
