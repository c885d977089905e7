#include "notify.h"

#include <string.h>

bool notify_is_ready(const char *text, size_t n)
{
	static const char want[] = "READY=1";
	const char *end = text + n, *line_end;

	for (; text < end; text = line_end + 1) {
		line_end = memchr(text, '\n', (size_t)(end - text));
		if (!line_end)
			line_end = end;
		if ((size_t)(line_end - text) == sizeof(want) - 1 && memcmp(text, want, sizeof(want) - 1) == 0)
			return true;
	}
	return false;
}
