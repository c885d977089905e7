#include "uki.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "pe_private.h"

static uint64_t up_to(uint64_t n, uint32_t align)
{
	return (n + align - 1) / align * align;
}

static bool alignment_good(uint32_t n)
{
	return n >= 16 && n <= 1 << 20 && (n & (n - 1)) == 0;
}

struct pe {
	uint8_t *head; /* from the signature on */
	uint8_t *next; /* the header of the next section */
	uint32_t sections, section_align, file_align;
};

/* Where things are, with room for n sections more. */
static bool pe_find(uint8_t *b, size_t len, size_t n, struct pe *out)
{
	size_t at, table, end, headers;

	if (len < DOS_PE + 4 || memcmp(b, "MZ", 2) != 0)
		return false;
	at = le32_get(b + DOS_PE);
	if (at > len || len - at < PE_OPTIONAL + OPT_MIN || memcmp(b + at, "PE\0\0", 4) != 0 ||
	    le16_get(b + at + PE_OPTIONAL) != PE32_PLUS)
		return false;
	*out = (struct pe){ .head = b + at,
			    .sections = le16_get(b + at + PE_SECTIONS),
			    .section_align = le32_get(b + at + OPT_SECTION_ALIGNMENT),
			    .file_align = le32_get(b + at + OPT_FILE_ALIGNMENT) };
	table = at + PE_OPTIONAL + le16_get(b + at + PE_OPTIONAL_SIZE);
	end = table + (size_t)out->sections * SECTION;
	headers = le32_get(b + at + OPT_HEADERS_SIZE);
	if (headers > len || end > headers || (headers - end) / SECTION < n)
		return false;
	out->next = b + end;
	return alignment_good(out->section_align) && alignment_good(out->file_align);
}

/* Behind the last section are symbols that nobody needs, or a signature that is none any more. They go: what is signed
 * must be all of one piece. */
static void tail_drop(struct buf *stub, struct pe *pe)
{
	const uint8_t *table = pe->next - (size_t)pe->sections * SECTION;
	uint64_t end = le32_get(pe->head + OPT_HEADERS_SIZE);

	for (uint32_t i = 0; i < pe->sections; i++) {
		uint64_t last = (uint64_t)le32_get(table + i * SECTION + SECTION_RAW) +
			le32_get(table + i * SECTION + SECTION_RAW_SIZE);

		if (last > end)
			end = last;
	}
	if (end >= stub->len)
		return;
	buf_truncate(stub, end);
	memset(pe->head + PE_SYMBOLS, 0, 8);
	if (le32_get(pe->head + OPT_DIRECTORIES) > DIRECTORY_CERTIFICATES &&
	    le16_get(pe->head + PE_OPTIONAL_SIZE) >= OPT_CERTIFICATES + 8 - PE_OPTIONAL)
		memset(pe->head + OPT_CERTIFICATES, 0, 8);
}

static void pe_add(struct pe *pe, struct uki_section *s, uint64_t rva, uint64_t at, uint64_t raw)
{
	uint8_t *h = pe->next;

	memset(h, 0, SECTION);
	memcpy(h, s->name, strnlen(s->name, SECTION_NAME));
	le32_put(h + 8, s->size);
	le32_put(h + 12, rva);
	le32_put(h + 16, raw);
	le32_put(h + 20, at);
	le32_put(h + 36, SECTION_INITIALIZED | SECTION_READ);
	pe->next += SECTION;
	pe->sections++;
	s->at = at;
}

int uki_plan(struct buf *stub, struct uki_section *sections, size_t n, uint64_t *end, struct error *err)
{
	uint64_t rva, at, data;
	struct pe pe;

	if (!pe_find(buf_bytes(stub), stub->len, n, &pe))
		return error_say(err, EINVAL, "this is no EFI program to which a kernel can be added");
	rva = le32_get(pe.head + OPT_IMAGE_SIZE);
	data = le32_get(pe.head + OPT_INITIALIZED);
	tail_drop(stub, &pe);
	at = stub->len;
	for (size_t i = 0; i < n; i++) {
		uint64_t raw = up_to(sections[i].size, pe.file_align);

		rva = up_to(rva, pe.section_align);
		at = up_to(at, pe.file_align);
		if (raw > UINT32_MAX || at + raw > UINT32_MAX || rva + raw > UINT32_MAX)
			return error_say(err, EFBIG, "an EFI program has less than 4096 MiB, this one would have more");
		pe_add(&pe, &sections[i], rva, at, raw);
		rva += sections[i].size;
		at += raw;
		data += raw;
	}
	rva = up_to(rva, pe.section_align);
	pe.head[PE_SECTIONS] = (uint8_t)pe.sections;
	pe.head[PE_SECTIONS + 1] = (uint8_t)(pe.sections >> 8);
	le32_put(pe.head + OPT_IMAGE_SIZE, rva);
	le32_put(pe.head + OPT_INITIALIZED, data);
	le32_put(pe.head + OPT_CHECKSUM, 0); /* of the stub alone; firmware does not look at it */
	*end = at;
	return 0;
}
