#include "verity.h"

#include <string.h>

/* With the tree, which is less than a hundredth of it, it is a file whose size a 64-bit signed number holds. */
#define BLOCKS_MAX ((uint64_t)1 << 50)

/* The superblock's fields; numbers are little-endian. */
enum {
	SB_VERSION = 8,
	SB_TYPE = 12,
	SB_UUID = 16,
	SB_ALGORITHM = 32,
	SB_DATA_BLOCK = 64,
	SB_HASH_BLOCK = 68,
	SB_BLOCKS = 72,
	SB_SALT_SIZE = 80,
	SB_SALT = 88,
	UUID = 16,
};

uint64_t verity_level(uint64_t blocks, unsigned level)
{
	for (unsigned i = 0; i <= level; i++) {
		if (blocks <= 1)
			return 0;
		blocks = (blocks + VERITY_FAN - 1) / VERITY_FAN;
	}
	return blocks;
}

uint64_t verity_level_start(uint64_t blocks, unsigned level)
{
	uint64_t at = blocks + 1;

	for (unsigned above = level + 1; above <= VERITY_LEVELS; above++)
		at += verity_level(blocks, above);
	return at;
}

uint64_t verity_total(uint64_t blocks)
{
	return verity_level_start(blocks, 0) + verity_level(blocks, 0);
}

static void le_put(uint8_t *to, uint64_t v, int bytes)
{
	for (int i = 0; i < bytes; i++)
		to[i] = (uint8_t)(v >> 8 * i);
}

/* The salt is made of the content, and so is this: RFC 9562's version 8, of the maker's own making. */
static void uuid_make(const struct verity *v, uint8_t uuid[UUID])
{
	memcpy(uuid, v->salt, UUID);
	uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x80);
	uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
}

void verity_superblock(const struct verity *v, uint8_t out[static VERITY_BLOCK])
{
	memset(out, 0, VERITY_BLOCK);
	memcpy(out, "verity", 6);
	le_put(out + SB_VERSION, 1, 4);
	le_put(out + SB_TYPE, 1, 4);
	uuid_make(v, out + SB_UUID);
	memcpy(out + SB_ALGORITHM, "sha256", 6);
	le_put(out + SB_DATA_BLOCK, VERITY_BLOCK, 4);
	le_put(out + SB_HASH_BLOCK, VERITY_BLOCK, 4);
	le_put(out + SB_BLOCKS, v->blocks, 8);
	le_put(out + SB_SALT_SIZE, VERITY_SALT, 2);
	memcpy(out + SB_SALT, v->salt, VERITY_SALT);
}

bool verity_superblock_like(const struct verity *v, const uint8_t block[static VERITY_BLOCK])
{
	uint8_t uuid[UUID];

	uuid_make(v, uuid);
	return memcmp(block + SB_SALT, v->salt, VERITY_SALT) == 0 || memcmp(block + SB_UUID, uuid, UUID) == 0;
}

/* --- as text -------------------------------------------------------------------------------------------------------
 */

char *verity_hex(char *out, const uint8_t *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		*out++ = digits[bytes[i] >> 4];
		*out++ = digits[bytes[i] & 15];
	}
	*out = '\0';
	return out;
}

void verity_text(const struct verity *v, char out[static VERITY_TEXT])
{
	char number[20], *p = number + sizeof(number);
	uint64_t n = v->blocks;

	do
		*--p = (char)('0' + n % 10);
	while (n /= 10);
	while (p < number + sizeof(number))
		*out++ = *p++;
	*out++ = ':';
	out = verity_hex(out, v->salt, VERITY_SALT);
	*out++ = ':';
	verity_hex(out, v->root, VERITY_DIGEST);
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* n bytes' digits, then `end`; where that is, NULL: they are not there. */
static const char *hex_take(const char *text, uint8_t *out, size_t n, char end)
{
	for (size_t i = 0; i < n; i++, text += 2) {
		int high = digit_of(text[0]), low = high < 0 ? -1 : digit_of(text[1]);

		if (low < 0)
			return NULL;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return *text == end ? text : NULL;
}

bool verity_parse(const char *text, struct verity *out)
{
	out->blocks = 0;
	for (; *text >= '0' && *text <= '9'; text++) {
		out->blocks = out->blocks * 10 + (uint64_t)(*text - '0');
		if (out->blocks > BLOCKS_MAX)
			return false;
	}
	if (out->blocks == 0 || *text != ':')
		return false;
	text = hex_take(text + 1, out->salt, VERITY_SALT, ':');
	return text && hex_take(text + 1, out->root, VERITY_DIGEST, '\0');
}
