/* What is the same on both sides of a verified root: dm-verity's format 1 with SHA-256 and blocks of 4096 bytes, with
 * the superblock of cryptsetup, so that veritysetup(8) reads it. `pith build --verity` writes it, PID 1 maps it.
 *
 *   the file system's blocks | a block with the superblock | the hash tree, its top level first
 *
 * A block of the tree holds the digests of 128 blocks of the level below it, zeros behind the last one; a digest is
 * that of the salt and the block. The root is the digest of the top block. Nothing of the superblock is made up: the
 * kernel's command line says all that is in it, so that PID 1 can compare every byte.
 *
 * Kernel's Documentation/admin-guide/device-mapper/verity.rst; cryptsetup's wiki, DMVerity. Nothing here allocates. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	VERITY_BLOCK = 4096,
	VERITY_DIGEST = 32,
	VERITY_SALT = 32,
	VERITY_FAN = VERITY_BLOCK / VERITY_DIGEST, /* digests in a block */
	VERITY_LEVELS = 8,                         /* as many as the largest file has */
	VERITY_TEXT = 160,                         /* of verity_text(), with its NUL */
};

/* Words of the kernel's command line. What follows "=" is verity_text()'s; "read": blocks are checked when they are
 * read, not all of them before anything runs. */
#define VERITY_WORD  "pith.verity"
#define VERITY_CHECK "pith.verity.check"

struct verity {
	uint64_t blocks; /* of data, at least 1 */
	uint8_t salt[VERITY_SALT];
	uint8_t root[VERITY_DIGEST];
};

/* A level of the tree, from 0, the digests of the data: how many blocks it has. 0: the level above the top one. */
uint64_t verity_level(uint64_t blocks, unsigned level);
/* Where it begins, in blocks from the beginning of the data. */
uint64_t verity_level_start(uint64_t blocks, unsigned level);
/* Blocks of all: data, superblock and tree. */
uint64_t verity_total(uint64_t blocks);

/* The whole block in which the superblock is. */
void verity_superblock(const struct verity *v, uint8_t out[static VERITY_BLOCK]);
/* Whether this one, damaged or not, is of the same image: its salt or its UUID is. */
bool verity_superblock_like(const struct verity *v, const uint8_t block[static VERITY_BLOCK]);

/* "BLOCKS:SALT:ROOT", the latter two as lower-case hexadecimal digits. */
void verity_text(const struct verity *v, char out[static VERITY_TEXT]);
/* The way back. false: it is no such text, or BLOCKS is 0 or more than a file has. */
bool verity_parse(const char *text, struct verity *out);
/* The digits of n bytes, and a NUL; returns where that is. */
char *verity_hex(char *out, const uint8_t *bytes, size_t n);
