/* Hash trees: their shape, the words of the command line, and the digests, computed here a second time in the simplest
 * way. That the field's own tool takes them is in tests/bats/verity.bats. */
#include "verity.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hashtree.h"
#include "io.h"
#include "str.h"
#include "tap.h"

static void test_shape(void)
{
	static const struct {
		uint64_t blocks, level0, level1, level2, total;
	} rows[] = {
		{ 1, 0, 0, 0, 2 },     { 2, 1, 0, 0, 4 },           { 128, 1, 0, 0, 130 },
		{ 129, 2, 1, 0, 133 }, { 16384, 128, 1, 0, 16514 }, { 16385, 129, 2, 1, 16518 },
	};

	for (size_t i = 0; i < array_len(rows); i++) {
		uint64_t n = rows[i].blocks;

		ok(verity_level(n, 0) == rows[i].level0 && verity_level(n, 1) == rows[i].level1 &&
			   verity_level(n, 2) == rows[i].level2 && verity_total(n) == rows[i].total,
		   "the tree of %llu blocks", (unsigned long long)n);
	}
	ok(verity_level_start(16385, 2) == 16386 && verity_level_start(16385, 1) == 16387 &&
		   verity_level_start(16385, 0) == 16389,
	   "its top comes first");
	ok(verity_total((uint64_t)1 << 50) < INT64_MAX / VERITY_BLOCK,
	   "the largest one's file is no larger than numbers are");
}

static void test_words(void)
{
	static const char *const bad[] = {
		"",
		"0",
		"7",
		"7:",
		"7:00:00",
		"7:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
		"7:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f:",
		"0:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f:"
		"e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
		"1125899906842625:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f:"
		"e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
		"-7:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f:"
		"e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
		"99999999999999999999:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f:"
		"e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
		"7:000102030405060708090A0B0C0D0E0F101112131415161718191a1b1c1d1e1f:"
		"e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
		"7:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f:"
		"e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff0",
	};
	static const char good[] = "4711:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f:"
				   "e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";
	struct verity v = { .blocks = 4711 }, back;
	char text[VERITY_TEXT];

	for (uint8_t i = 0; i < 32; i++) {
		v.salt[i] = i;
		v.root[i] = (uint8_t)(0xe0 + i);
	}
	verity_text(&v, text);
	ok_str(text, good, "blocks, salt and root as words");
	ok(verity_parse(text, &back) && memcmp(&v, &back, sizeof(v)) == 0, "and back");
	v.blocks = (uint64_t)1 << 50;
	memset(v.root, 0xff, sizeof(v.root));
	verity_text(&v, text);
	ok(strlen(text) < sizeof(text) && verity_parse(text, &back) && back.blocks == v.blocks, "the longest has room");
	for (size_t i = 0; i < array_len(bad); i++)
		ok(!verity_parse(bad[i], &back), "refused: \"%s\"", bad[i]);
}

static void test_superblock(void)
{
	struct verity v = { .blocks = 3, .salt = { 1, 2, 3 } };
	uint8_t block[VERITY_BLOCK];

	verity_superblock(&v, block);
	ok(verity_superblock_like(&v, block), "a superblock is like itself");
	block[16] ^= 1;
	ok(verity_superblock_like(&v, block), "with a bit changed in its UUID as well");
	block[16] ^= 1;
	block[88] ^= 1;
	ok(verity_superblock_like(&v, block), "and in its salt");
	block[16] ^= 1;
	ok(!verity_superblock_like(&v, block), "but not in both");
}

/* The digest of one block of the tree's bottom, or of all above it. */
static void digest_simple(const uint8_t *salt, const uint8_t *block, uint8_t *out)
{
	uint8_t bytes[VERITY_SALT + VERITY_BLOCK];

	memcpy(bytes, salt, VERITY_SALT);
	memcpy(bytes + VERITY_SALT, block, VERITY_BLOCK);
	EVP_Digest(bytes, sizeof(bytes), out, NULL, EVP_sha256(), NULL);
}

static void root_simple(const uint8_t *salt, const uint8_t *blocks, size_t n, uint8_t *out)
{
	size_t above = (n + VERITY_FAN - 1) / VERITY_FAN;
	_cleanup_free_ uint8_t *level = calloc(above, VERITY_BLOCK);

	if (!level)
		abort();
	if (n == 1) {
		digest_simple(salt, blocks, out);
		return;
	}
	for (size_t i = 0; i < n; i++)
		digest_simple(salt, blocks + i * VERITY_BLOCK, level + i * VERITY_DIGEST);
	root_simple(salt, level, above, out);
}

/* An image of so many bytes; its file with the tree, and the content that it has to have. */
static int image_make(size_t size, struct verity *v, uint8_t **content)
{
	size_t whole = (size + VERITY_BLOCK - 1) / VERITY_BLOCK * VERITY_BLOCK;
	_cleanup_error_ struct error err = { 0 };
	int fd = memfd_create("image", MFD_CLOEXEC);

	*content = calloc(1, whole + 1);
	if (fd < 0 || !*content)
		abort();
	for (size_t i = 0; i < size; i++)
		(*content)[i] = (uint8_t)((i * 2654435761u) >> 11);
	if (io_write(fd, *content, size) < 0)
		abort();
	ok(hashtree_append(fd, v, &err) == 0, "an image of %zu bytes gets a tree: %s", size, error_text(&err));
	return fd;
}

static void test_digests(void)
{
	static const size_t sizes[] = { 1, 4096, 4097, 128 * 4096, 128 * 4096 + 1, 300 * 4096, 16385 * 4096 };

	for (size_t i = 0; i < array_len(sizes); i++) {
		_cleanup_free_ uint8_t *content = NULL, *again = NULL;
		struct verity v = { 0 }, second = { 0 };
		_cleanup_close_ int fd = image_make(sizes[i], &v, &content), other = -1;
		uint8_t root[VERITY_DIGEST], wanted[VERITY_BLOCK], block[VERITY_BLOCK];
		struct stat st;

		root_simple(v.salt, content, v.blocks, root);
		ok(memcmp(root, v.root, sizeof(root)) == 0, "its root is that of its content");
		verity_superblock(&v, wanted);
		ok(io_pread(fd, block, sizeof(block), (off_t)(v.blocks * VERITY_BLOCK)) == VERITY_BLOCK &&
			   memcmp(block, wanted, sizeof(block)) == 0,
		   "the superblock is behind it");
		ok(fstat(fd, &st) == 0 && (uint64_t)st.st_size == verity_total(v.blocks) * VERITY_BLOCK,
		   "and nothing behind the tree");
		other = image_make(sizes[i], &second, &again);
		ok(memcmp(&v, &second, sizeof(v)) == 0, "a second time as well");
	}
}

static void test_refused(void)
{
	_cleanup_error_ struct error err = { 0 }, full = { 0 };
	_cleanup_close_ int fd = memfd_create("image", MFD_CLOEXEC), dev = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct verity v;

	ok(hashtree_append(fd, &v, &err) < 0 && err.code == EINVAL, "an empty image has none: %s", error_text(&err));
	ok(hashtree_append(dev, &v, &full) < 0, "what is no file has none: %s", error_text(&full));
}

int main(void)
{
	test_shape();
	test_words();
	test_superblock();
	test_digests();
	test_refused();
	return tap_done();
}
