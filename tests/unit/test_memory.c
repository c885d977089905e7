/* What memory an image needs, told from its files. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "io.h"
#include "memory.h"
#include "str.h"
#include "tap.h"

#define MIB UINT64_C(1048576)

static void put(uint8_t *p, uint64_t v, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static void bzimage(uint8_t head[MEMORY_KERNEL_HEAD], uint64_t version, uint64_t size, uint64_t address)
{
	memset(head, 0, MEMORY_KERNEL_HEAD);
	memcpy(head + 0x202, "HdrS", 4);
	put(head + 0x206, version, 2);
	put(head + 0x258, address, 8);
	put(head + 0x260, size, 4);
}

static void test_kernels(void)
{
	uint8_t head[MEMORY_KERNEL_HEAD] = { 0 };

	ok(memory_kernel_parse(head, sizeof(head)).size == 0, "a file that says nothing");
	bzimage(head, 0x20f, 20 * MIB, 16 * MIB);
	ok(memory_kernel_parse(head, sizeof(head)).size == 20 * MIB &&
		   memory_kernel_parse(head, sizeof(head)).end == 36 * MIB,
	   "a bzImage");
	ok(memory_kernel_parse(head, sizeof(head) - 1).size == 0, "one that is cut off");
	bzimage(head, 0x209, 20 * MIB, 16 * MIB);
	ok(memory_kernel_parse(head, sizeof(head)).size == 0, "a protocol that has no such field");
	bzimage(head, 0x20f, 0xffffffff, 16 * MIB);
	ok(memory_kernel_parse(head, sizeof(head)).size == 0, "a size that cannot be");
	memset(head, 0, sizeof(head));
	memcpy(head + 56, "ARM\x64", 4);
	put(head + 16, 30 * MIB, 8);
	ok(memory_kernel_parse(head, 64).size == 30 * MIB, "arm64's Image");
}

static void test_releases(void)
{
	enum { AT = 0x3000 };
	static uint8_t setup[AT + 10];
	static const struct {
		const char *version;
		bool frees;
	} cases[] = { { "6.12-pith ", true },  { "6.12-pith\0", true }, { "6-pith (p)", true },
		      { "6.12 -pith", false }, { "6.12-deb- ", false }, { "6.12-pith-", false },
		      { "-pit h ...", false }, { " -pith....", false } };

	for (size_t i = 0; i < array_len(cases); i++) {
		bzimage(setup, 0x20f, 20 * MIB, 16 * MIB);
		put(setup + 0x20e, AT - 0x200, 2);
		memcpy(setup + AT, cases[i].version, 10);
		ok(memory_kernel_parse(setup, sizeof(setup)).frees == cases[i].frees, "release: %s", cases[i].version);
	}
	ok(!memory_kernel_parse(setup, AT).frees, "one that is not in what was read");
}

static void test_sums(void)
{
	struct memory_kernel k = { .size = 20 * MIB, .end = 36 * MIB };

	ok(memory_sum(&k, 34 * MIB, 0, 34 * MIB) == 98 * MIB / 64 * 65, "a kernel that keeps the archive");
	k.frees = true;
	ok(memory_sum(&k, 34 * MIB, 0, 34 * MIB) == (70 * MIB + 34 * MIB / 8) / 64 * 65,
	   "one that frees it: the programs are more");
	ok(memory_sum(&k, 34 * MIB, 20 * MIB, 40 * MIB) == 90 * MIB / 64 * 65, "what is compressed is kept");
	ok(memory_sum(&k, 80 * MIB, 0, 1 * MIB) == 116 * MIB + MIB / 2, "the archive at first");
}

static void test_cpio(void)
{
	char head[MEMORY_CPIO_HEAD + 1];
	uint64_t step, content;

	snprintf(head, sizeof(head), "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 1, 0100644, 0, 0, 1,
		 0, 5000, 0, 0, 0, 0, 7, 0);
	ok(memory_cpio_parse((uint8_t *)head, &step, &content) == 0 && step == 120 + 5000 && content == 8192,
	   "an entry of 5000 bytes takes two pages");
	head[60] = 'x';
	ok(memory_cpio_parse((uint8_t *)head, &step, &content) < 0, "a size that is no number");
	head[60] = '0';
	head[5] = '7';
	ok(memory_cpio_parse((uint8_t *)head, &step, &content) < 0, "another format");
}

static char *write_file(const char *dir, const char *name, const void *data, size_t n)
{
	_cleanup_error_ struct error err = { 0 };
	char *path = str_format("%s/%s", dir, name);

	if (file_write(path, data, n, 0644, &err) < 0) {
		puts(error_text(&err));
		exit(1);
	}
	return path;
}

/* The smallest --mem, in MiB, that is not refused. */
static uint64_t least(const struct boot *boot)
{
	for (uint64_t m = 16; m < 4096; m++)
		if (memory_check(boot, m * MIB, NULL) == 0)
			return m;
	return 0;
}

/* An archive with one file of that size, as the kernel takes it. */
static size_t archive(uint8_t *out, uint32_t size)
{
	int n = sprintf((char *)out, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08xrootfs.erofs", 1,
			0100644, 0, 0, 1, 0, size, 0, 0, 0, 0, 13, 0);
	size_t at = (size_t)n + 1;

	at = (at + 3) / 4 * 4;
	memset(out + n, 0, at - (size_t)n);
	memset(out + at, 'x', size);
	return at + size;
}

static void test_images(const char *dir)
{
	static const uint32_t big = 40 * MIB;
	uint8_t head[MEMORY_KERNEL_HEAD], *cpio = malloc(2 * big), *zipped = malloc(2 * big);
	struct boot b = { .kind = BOOT_KERNEL, .prefix = (char *)"x" };
	_cleanup_error_ struct error err = { 0 };
	uLongf zipped_size = 2 * big;
	size_t n = archive(cpio, big);

	bzimage(head, 0x20f, 20 * MIB, 16 * MIB);
	b.kernel = write_file(dir, "k", head, sizeof(head));
	b.initrd = write_file(dir, "plain", cpio, n);
	ok(least(&b) == 112, "kernel, initramfs and its content, and what they need beside: %u", (unsigned)least(&b));
	ok(memory_check(&b, 96 * MIB, &err) < 0 &&
		   str_eq(error_text(&err),
			  "--mem 96M: x needs at least 112M (its kernel takes 20M, its initramfs 41M, and 40M "
			  "unpacked); "
			  "--low-memory boots it all the same"),
	   "the message: %s", error_text(&err));
	free(b.initrd);
	/* gzip by deflate with a window of 31 bits */
	{
		z_stream z = { .next_in = cpio,
			       .avail_in = (unsigned)n,
			       .next_out = zipped + 512,
			       .avail_out = (unsigned)zipped_size - 512 };

		if (deflateInit2(&z, 1, Z_DEFLATED, 31, 8, 0) != Z_OK || deflate(&z, Z_FINISH) != Z_STREAM_END)
			exit(1);
		zipped_size = z.total_out;
		deflateEnd(&z);
	}
	b.initrd = write_file(dir, "gzip", zipped + 512, zipped_size);
	ok(least(&b) == 83, "a compressed one counts as what it unpacks to: %u", (unsigned)least(&b));
	free(b.initrd);
	memset(zipped, 0, 512);
	n = archive(cpio, 4 * MIB);
	memset(cpio + n, 0, 400);
	memcpy(cpio + n + 400, zipped + 512, zipped_size);
	b.initrd = write_file(dir, "both", cpio, n + 400 + zipped_size);
	ok(least(&b) == 87, "one behind another: %u", (unsigned)least(&b));
	free(b.initrd);
	b.initrd = NULL;
	ok(least(&b) == 37, "none: %u", (unsigned)least(&b));
	free(b.kernel);
	b.kernel = NULL;
	ok(memory_check(&b, 16 * MIB, &err) == 0, "of a disk nothing is known");
	free(cpio);
	free(zipped);
}

int main(void)
{
	char dir[] = "/tmp/test_memory.XXXXXX";

	if (!mkdtemp(dir))
		return 1;
	test_kernels();
	test_releases();
	test_sums();
	test_cpio();
	test_images(dir);
	dir_remove(dir, NULL);
	return tap_done();
}
