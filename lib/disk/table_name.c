/* What a GPT calls a partition, and what it is for. */
#include <string.h>

#include "table_private.h"

/* C12A7328-F81F-11D2-BA4B-00A0C93EC93B */
static const uint8_t gpt_esp[16] = { 0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11,
				     0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b };

enum { ENTRY_NAME = 56, NAME_UNITS = 36 };

static const uint8_t *part_entry(const struct table *t, const struct table_part *p)
{
	return t->kind == TABLE_GPT && p->number >= 1 && p->number <= t->entry_count
		? t->entries + (size_t)(p->number - 1) * t->entry_size
		: NULL;
}

bool table_part_is_esp(const struct table *t, const struct table_part *p)
{
	const uint8_t *e = part_entry(t, p);

	return e && memcmp(e, gpt_esp, sizeof(gpt_esp)) == 0;
}

void table_part_name(const struct table *t, const struct table_part *p, char out[TABLE_PART_NAME])
{
	const uint8_t *e = part_entry(t, p);
	size_t n = 0;

	for (; e && n < NAME_UNITS; n++) {
		unsigned unit = e[ENTRY_NAME + 2 * n] | (unsigned)e[ENTRY_NAME + 2 * n + 1] << 8;

		if (unit == 0)
			break;
		out[n] = unit >= ' ' && unit <= '~' ? (char)unit : '?';
	}
	out[n] = '\0';
}
