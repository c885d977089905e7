#include "reason.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

enum { PARTS = 8 };

const char *const *reason_parts(const char *const parts[])
{
	static const char *kept[PARTS + 1];
	size_t n = 0;

	for (; n < PARTS && parts[n]; n++)
		kept[n] = parts[n];
	kept[n] = NULL;
	return kept;
}

const char *const *reason_errno(const char *what, const char *on)
{
	return reason("cannot ", what, on, ": ", strerror(errno));
}
