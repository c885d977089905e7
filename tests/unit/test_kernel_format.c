/* Where the compressed kernel is in the files that kernels are shipped as. */
#include "kernel_format.h"

#include "tap.h"

static void put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)(v >> 16);
	p[3] = (uint8_t)(v >> 24);
}

static void bzimage(uint8_t *h, uint8_t setup, unsigned version, uint32_t offset, uint32_t length)
{
	memset(h, 0, KERNEL_HEAD);
	h[0x1f1] = setup;
	h[0x1fe] = 0x55;
	h[0x1ff] = 0xaa;
	memcpy(h + 0x202, "HdrS", 4);
	h[0x206] = (uint8_t)version;
	h[0x207] = (uint8_t)(version >> 8);
	put32(h + 0x248, offset);
	put32(h + 0x24c, length);
}

static void test_bzimage(void)
{
	static const struct {
		const char *what;
		uint8_t setup;
		unsigned version;
		uint32_t offset, length;
		uint64_t size, want; /* want: the offset, 0: refused */
	} rows[] = {
		{ "an ordinary one", 27, 0x20f, 0x100, 1000, 100000, 28 * 512 + 0x100 },
		{ "no setup sectors mean four", 0, 0x20f, 0, 1000, 100000, 5 * 512 },
		{ "the payload ends with the file", 1, 0x208, 0, 1000, 2024, 1024 },
		{ "the payload goes one byte beyond", 1, 0x208, 0, 1001, 2024, 0 },
		{ "an offset beyond the file", 1, 0x20f, 0xffffffff, 1, 100000, 0 },
		{ "a length that would wrap", 1, 0x20f, 0x10, 0xffffffff, 100000, 0 },
		{ "an old boot protocol", 1, 0x207, 0, 1000, 100000, 0 },
	};
	uint8_t h[KERNEL_HEAD];
	size_t i;

	for (i = 0; i < array_len(rows); i++) {
		_cleanup_error_ struct error err = { 0 };
		struct kernel_payload k;
		int r;

		bzimage(h, rows[i].setup, rows[i].version, rows[i].offset, rows[i].length);
		r = kernel_payload_parse(h, sizeof h, rows[i].size, &k, &err);
		if (rows[i].want)
			ok(r == 0 && k.kind == KERNEL_KIND_BZIMAGE && k.offset == rows[i].want &&
				   k.size == rows[i].length,
			   "bzImage: %s", rows[i].what);
		else
			ok(r == -1 && *error_text(&err), "bzImage refused: %s", rows[i].what);
	}
	bzimage(h, 1, 0x20f, 0, 10);
	{
		struct kernel_payload k;

		ok(kernel_payload_parse(h, 0x24f, 100000, &k, NULL) == 0 && k.kind == KERNEL_KIND_OTHER,
		   "a header that is cut short is no bzImage");
	}
}

static void test_others(void)
{
	static const struct {
		const char *what, *head;
		size_t n;
		enum kernel_kind want;
	} rows[] = {
		{ "gzip", "\x1f\x8b\x08\0\0\0", 6, KERNEL_KIND_ZIPPED },
		{ "zstd", "\x28\xb5\x2f\xfd\0\0", 6, KERNEL_KIND_ZIPPED },
		{ "xz",
		  "\xfd"
		  "7zXZ\0",
		  6, KERNEL_KIND_ZIPPED },
		{ "lzma", "\x5d\0\0\0\x04\xff", 6, KERNEL_KIND_ZIPPED },
		{ "bzip2", "BZh91A", 6, KERNEL_KIND_ZIPPED },
		{ "lz4 as kernels have it", "\x02\x21\x4c\x18\0\0", 6, KERNEL_KIND_ZIPPED },
		{ "lz4", "\x04\x22\x4d\x18\0\0", 6, KERNEL_KIND_ZIPPED },
		{ "lzo", "\x89LZO\0\r", 6, KERNEL_KIND_ZIPPED },
		{ "ELF", "\177ELF", 4, KERNEL_KIND_PLAIN },
		{ "two bytes", "\x1f\x8b", 2, KERNEL_KIND_OTHER },
		{ "nothing", "", 0, KERNEL_KIND_OTHER },
		{ "text", "hello, world", 12, KERNEL_KIND_OTHER },
	};
	uint8_t h[0x40] = "MZ\0\0zimg";
	struct kernel_payload k;
	size_t i;

	for (i = 0; i < array_len(rows); i++)
		ok(kernel_payload_parse((const uint8_t *)rows[i].head, rows[i].n, 4096, &k, NULL) == 0 &&
			   k.kind == rows[i].want && k.offset == 0 && k.size == 4096,
		   "%s", rows[i].what);
	put32(h + 8, 256);
	put32(h + 12, 1000);
	ok(kernel_payload_parse(h, sizeof h, 1256, &k, NULL) == 0 && k.kind == KERNEL_KIND_ZBOOT && k.offset == 256 &&
		   k.size == 1000,
	   "EFI zboot");
	ok(kernel_payload_parse(h, sizeof h, 1255, &k, NULL) == -1, "EFI zboot that is cut short");
	memset(h, 0, sizeof h);
	memcpy(h + 0x38, "ARM\x64", 4);
	ok(kernel_payload_parse(h, sizeof h, 4096, &k, NULL) == 0 && k.kind == KERNEL_KIND_PLAIN, "Image of arm64");
}

int main(void)
{
	test_bzimage();
	test_others();
	return tap_done();
}
