#pragma once

#include "table.h"

enum {
	MBR_CODE = 440,
	MBR_ENTRIES = 446,
	MBR_ENTRY = 16,
	MBR_LINUX = 0x83,
	MBR_GPT = 0xee,
	GPT_HEADER = 92, /* bytes */
	GPT_REVISION = 0x10000,
};

extern const uint8_t table_gpt_linux[16];

static inline uint32_t get32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}
static inline uint64_t get64(const uint8_t *p)
{
	return get32(p) | (uint64_t)get32(p + 4) << 32;
}
static inline void put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}
static inline void put64(uint8_t *p, uint64_t v)
{
	put32(p, (uint32_t)v);
	put32(p + 4, (uint32_t)(v >> 32));
}

/* CRC-32 as in GPT headers (that of Ethernet). */
uint32_t table_crc32(const uint8_t *data, size_t n);
