#include "cmdline.h"

#include <string.h>

#include "io.h"

int cmdline_read(struct buf *out, struct error *err)
{
	return file_read("/proc/cmdline", 65536, out, err);
}

bool cmdline_has(const char *text, const char *word)
{
	size_t n = strlen(word);

	while (*(text += strspn(text, " \t\n"))) {
		size_t m = strcspn(text, " \t\n");

		if (m == n && memcmp(text, word, n) == 0)
			return true;
		text += m;
	}
	return false;
}

char *cmdline_value(const char *text, const char *key)
{
	size_t n = strlen(key), length = 0;
	const char *found = NULL;

	while (*(text += strspn(text, " \t\n"))) {
		size_t m = strcspn(text, " \t\n");

		if (m > n && memcmp(text, key, n) == 0 && text[n] == '=') {
			found = text + n + 1;
			length = m - n - 1;
		}
		text += m;
	}
	return found ? strndup(found, length) : NULL;
}
