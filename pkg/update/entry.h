/* The name of a system in the boot loader's folder EFI/Linux: pith-GENERATION-SLOT[+LEFT[-DONE]].efi
 *
 * systemd-boot starts the highest generation first (it compares the numbers in names, the newest first, since all of
 * our kernels say the same of themselves). LEFT and DONE are boot counting as systemd's Automatic Boot Assessment has
 * it: before each start the boot loader takes one from LEFT and adds one to DONE; where LEFT is 0 the system has
 * failed, and stands behind all others. A system without a counter is good.
 *
 * The Boot Loader Specification (uapi-group.org), "Boot counting". */
#pragma once

#include <stdbool.h>

#include "fat.h"

enum { ENTRY_TRIES = 3, ENTRY_GENERATION_MAX = 999999999, ENTRY_COUNT_MAX = 999 };

struct entry {
	unsigned generation;
	int slot;  /* 0: a, 1: b */
	bool good; /* there is no counter */
	unsigned left, done;
};

/* False: another name. Upper and lower case are one. */
bool entry_parse(const char *name, struct entry *out);
void entry_name(const struct entry *e, char out[FAT_NAME]);

/* More than 0: a is started rather than b. */
int entry_compare(const struct entry *a, const struct entry *b);

/* It has been tried so often as it may be. */
bool entry_failed(const struct entry *e);
