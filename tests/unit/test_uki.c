/* A kernel as sections of an EFI program. */
#include "uki.h"

#include <errno.h>

#include "pe_sign.h"
#include "str.h"
#include "tap.h"

enum { PE = 0x80, OPTIONAL = PE + 24, TABLE = OPTIONAL + 240, HEADERS = 0x400, STUB = 0x600 };

static void put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* One section of code, sections and file aligned to 512 bytes; 5 bytes behind the last section. */
static void stub_make(struct buf *b)
{
	uint8_t *p = buf_reserve(b, STUB + 5);

	memset(p, 0, STUB + 5);
	memcpy(p, "MZ", 2);
	put32(p + 0x3c, PE);
	memcpy(p + PE, "PE\0\0", 4);
	p[PE + 6] = 1;
	p[PE + 20] = 240;
	p[OPTIONAL] = 0x0b;
	p[OPTIONAL + 1] = 0x02;
	put32(p + OPTIONAL + 32, 512);
	put32(p + OPTIONAL + 36, 512);
	put32(p + OPTIONAL + 56, 0x4200);
	put32(p + OPTIONAL + 60, HEADERS);
	put32(p + OPTIONAL + 64, 0xabcdef);
	memcpy(p + TABLE, ".text", 5);
	put32(p + TABLE + 16, STUB - HEADERS);
	put32(p + TABLE + 20, HEADERS);
	put32(p + PE + 12, STUB); /* symbols */
	put32(p + OPTIONAL + 108, 16);
	buf_commit(b, STUB + 5);
}

static void test_sections(void)
{
	_cleanup_buf_ struct buf b = { 0 };
	_cleanup_error_ struct error err = { 0 };
	struct uki_section s[] = { { ".cmdline", 3, 0 }, { ".initrd", 1000, 0 }, { ".linux", 512, 0 } };
	const uint8_t *p, *h;
	uint64_t end = 0;

	stub_make(&b);
	ok(uki_plan(&b, s, 3, &end, &err) == 0, "a stub takes three sections: %s", error_text(&err));
	p = buf_bytes(&b);
	ok(s[0].at == STUB && s[1].at == 0x800 && s[2].at == 0xc00 && end == 0xe00,
	   "their contents follow the stub's and one another, aligned");
	ok(b.len == STUB && get32(p + PE + 12) == 0, "what was behind the stub's sections is gone");
	ok(p[PE + 6] == 4 && get32(p + OPTIONAL + 56) == 0x4a00 && get32(p + OPTIONAL + 64) == 0,
	   "the headers know how many there are and how large the program is in memory");
	h = p + TABLE + 40;
	ok(memcmp(h, ".cmdline", 8) == 0 && get32(h + 8) == 3 && get32(h + 12) == 0x4200 && get32(h + 16) == 512 &&
		   get32(h + 20) == STUB && get32(h + 36) == 0x40000040,
	   "the first has the name, the size and the place of what was asked for");
	h += 40;
	ok(get32(h + 8) == 1000 && get32(h + 12) == 0x4400 && get32(h + 16) == 1024, "the second follows it in memory");
	ok(get32(h + 40 + 12) == 0x4800, "and the third follows the second");
}

static void test_refused(void)
{
	static const struct {
		const char *what;
		size_t at;
		uint32_t value;
	} rows[] = {
		{ "no MZ", 0, 0 },
		{ "headers beyond the file", 0x3c, 0x7fffffff },
		{ "no PE", PE, 0 },
		{ "a program of 32 bits", OPTIONAL, 0x010b },
		{ "sections that are aligned to nothing", OPTIONAL + 32, 0 },
		{ "sections that are aligned to three", OPTIONAL + 36, 0x30 },
		{ "no room for a section", OPTIONAL + 60, TABLE + 40 + 39 },
		{ "more headers than there are bytes", OPTIONAL + 60, 0x10000 },
	};
	_cleanup_error_ struct error err = { 0 };
	struct uki_section s = { ".linux", 1, 0 }, large = { ".linux", UINT32_MAX, 0 };
	uint64_t end;

	for (size_t i = 0; i < array_len(rows); i++) {
		_cleanup_buf_ struct buf b = { 0 };

		stub_make(&b);
		put32(buf_bytes(&b) + rows[i].at, rows[i].value);
		ok(uki_plan(&b, &s, 1, &end, &err) < 0 && err.code == EINVAL, "refused: %s", rows[i].what);
		error_clear(&err);
	}
	for (size_t n = 0; n < HEADERS; n += 7) {
		_cleanup_buf_ struct buf b = { 0 };

		stub_make(&b);
		buf_truncate(&b, n);
		if (uki_plan(&b, &s, 1, &end, &err) == 0)
			ok(false, "a stub cut at %zu was taken", n);
		error_clear(&err);
	}
	{
		_cleanup_buf_ struct buf b = { 0 };

		stub_make(&b);
		ok(uki_plan(&b, &large, 1, &end, &err) < 0 && err.code == EFBIG, "a kernel of 4 GiB is too large");
	}
}

/* What of a program is signed. */
static void test_sign(void)
{
	static const struct {
		const char *what, *says;
		size_t at;
		uint32_t value;
	} rows[] = {
		{ "a gap between headers and section", "gaps", TABLE + 20, HEADERS + 512 },
		{ "a section beyond the end", "gaps", TABLE + 16, 0x10000 },
		{ "one that is signed", "signed already", OPTIONAL + 112 + 36, 8 },
		{ "without the entry for a signature", "no EFI program", OPTIONAL + 108, 4 },
		{ "a program of 32 bits", "no EFI program", OPTIONAL, 0x010b },
		{ "no PE", "no EFI program", PE, 0 },
	};
	_cleanup_error_ struct error err = { 0 };
	_cleanup_buf_ struct buf b = { 0 };
	struct pe_sign p;

	stub_make(&b);
	ok(pe_sign_plan(buf_bytes(&b), b.len, b.len, &p, &err) == 0 && p.checksum == OPTIONAL + 64 &&
		   p.certificates == OPTIONAL + 112 + 32,
	   "a program, and what is behind its sections, can be signed: %s", error_text(&err));
	for (size_t i = 0; i < array_len(rows); i++) {
		_cleanup_buf_ struct buf bad = { 0 };

		stub_make(&bad);
		put32(buf_bytes(&bad) + rows[i].at, rows[i].value);
		ok(pe_sign_plan(buf_bytes(&bad), bad.len, bad.len, &p, &err) < 0 && err.code == EINVAL &&
			   strstr(error_text(&err), rows[i].says),
		   "refused: %s", rows[i].what);
		error_clear(&err);
	}
	for (size_t n = 0; n < STUB; n += 7) {
		if (pe_sign_plan(buf_bytes(&b), n, n, &p, &err) == 0)
			ok(false, "a program cut at %zu was taken", n);
		error_clear(&err);
	}
}

int main(void)
{
	test_sections();
	test_sign();
	test_refused();
	return tap_done();
}
