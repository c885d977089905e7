#include "pe_sign.h"

#include <errno.h>
#include <string.h>

#include "pe_private.h"

/* The sections follow the headers and one another, in whichever order the table has them: each step looks for the one
 * that begins where the last has ended. -1: none does, though some are left. */
static int sections_follow(const uint8_t *table, uint32_t count, uint64_t headers, uint64_t size)
{
	uint64_t at = headers;
	uint32_t left = 0;

	for (uint32_t i = 0; i < count; i++)
		left += le32_get(table + i * SECTION + SECTION_RAW_SIZE) > 0;
	while (left > 0) {
		uint32_t i = 0;

		while (i < count &&
		       (le32_get(table + i * SECTION + SECTION_RAW) != at ||
			le32_get(table + i * SECTION + SECTION_RAW_SIZE) == 0))
			i++;
		if (i == count)
			return -1;
		at += le32_get(table + i * SECTION + SECTION_RAW_SIZE);
		if (at > size)
			return -1;
		left--;
	}
	return 0;
}

int pe_sign_plan(const uint8_t *head, size_t n, uint64_t size, struct pe_sign *out, struct error *err)
{
	static const char none[] = "this is no EFI program that can be signed";
	size_t at, optional, table, headers;
	uint32_t count;

	if (n < DOS_PE + 4 || memcmp(head, "MZ", 2) != 0)
		return error_say(err, EINVAL, "%s", none);
	at = le32_get(head + DOS_PE);
	if (at > n || n - at < PE_OPTIONAL + OPT_MIN || memcmp(head + at, "PE\0\0", 4) != 0 ||
	    le16_get(head + at + PE_OPTIONAL) != PE32_PLUS)
		return error_say(err, EINVAL, "%s", none);
	optional = le16_get(head + at + PE_OPTIONAL_SIZE);
	count = le16_get(head + at + PE_SECTIONS);
	headers = le32_get(head + at + OPT_HEADERS_SIZE);
	table = at + PE_OPTIONAL + optional;
	if (optional + PE_OPTIONAL < OPT_CERTIFICATES + 8 ||
	    le32_get(head + at + OPT_DIRECTORIES) <= DIRECTORY_CERTIFICATES || headers > n ||
	    table + (size_t)count * SECTION > headers)
		return error_say(err, EINVAL, "%s", none);
	if (le32_get(head + at + OPT_CERTIFICATES + 4))
		return error_say(err, EINVAL, "this EFI program is signed already");
	if (sections_follow(head + table, count, headers, size) < 0)
		return error_say(err, EINVAL,
				 "this EFI program has gaps between its sections, which no signature covers");
	*out = (struct pe_sign){ (uint32_t)(at + OPT_CHECKSUM), (uint32_t)(at + OPT_CERTIFICATES) };
	return 0;
}
