#include "entry.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* A number of decimal digits, at most max. */
static bool number_take(const char **at, unsigned max, unsigned *out)
{
	unsigned n = 0;
	const char *p = *at;

	for (; isdigit((unsigned char)*p); p++) {
		if (n > max / 10)
			return false;
		n = n * 10 + (unsigned)(*p - '0');
	}
	if (p == *at || n > max)
		return false;
	*at = p;
	*out = n;
	return true;
}

bool entry_parse(const char *name, struct entry *out)
{
	static const char prefix[] = "pith-";
	const char *at = name + sizeof(prefix) - 1;

	*out = (struct entry){ .good = true };
	if (strncasecmp(name, prefix, sizeof(prefix) - 1) != 0 ||
	    !number_take(&at, ENTRY_GENERATION_MAX, &out->generation) || at[0] != '-' ||
	    (tolower((unsigned char)at[1]) != 'a' && tolower((unsigned char)at[1]) != 'b'))
		return false;
	out->slot = tolower((unsigned char)at[1]) - 'a';
	at += 2;
	if (*at == '+') {
		at++;
		out->good = false;
		if (!number_take(&at, ENTRY_COUNT_MAX, &out->left))
			return false;
		if (*at == '-' && (at++, !number_take(&at, ENTRY_COUNT_MAX, &out->done)))
			return false;
	}
	return strcasecmp(at, ".efi") == 0;
}

void entry_name(const struct entry *e, char out[FAT_NAME])
{
	char counter[32] = "";

	if (!e->good && e->done)
		snprintf(counter, sizeof(counter), "+%u-%u", e->left, e->done);
	else if (!e->good)
		snprintf(counter, sizeof(counter), "+%u", e->left);
	snprintf(out, FAT_NAME, "pith-%u-%c%s.efi", e->generation, 'a' + e->slot, counter);
}

bool entry_failed(const struct entry *e)
{
	return !e->good && e->left == 0;
}

int entry_compare(const struct entry *a, const struct entry *b)
{
	if (entry_failed(a) != entry_failed(b))
		return entry_failed(a) ? -1 : 1;
	if (a->generation != b->generation)
		return a->generation < b->generation ? -1 : 1;
	return b->slot < a->slot ? 1 : b->slot > a->slot ? -1 : 0;
}
