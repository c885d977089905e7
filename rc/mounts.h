/* A mount of rc.init's own, as a table's row. */
#pragma once

#include "error.h"

struct mount_row {
	const char *source, *target, *type;
	unsigned long flags;
	const char *data;
	enum { MOUNT_NEEDED, MOUNT_OPTIONAL } need; /* optional: not there without a word */
};

int mount_row_apply(const struct mount_row *row, struct error *err);
