/* What the network says of resolvers: only "search" and "nameserver" lines come out, of bounded number and length. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "resolv.h"
#include "str.h"

static const char *get(void *data, const char *name)
{
	/* one value per NUL-terminated piece, whichever variable is asked for first */
	char **p = data, *value = *p;

	(void)name;
	if (!value)
		return NULL;
	*p = *value ? value + strlen(value) + 1 : NULL;
	return value;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	_cleanup_free_ char *text = calloc(1, n + 2);
	_cleanup_buf_ struct buf out = { 0 };
	_cleanup_strv_ char **lines = NULL;
	char *next = text;
	size_t i;

	if (n)
		memcpy(text, data, n);
	if (resolv_text(get, &next, &out) < 0)
		return 0;
	lines = strv_split(buf_text(&out), "\n");
	if (!lines || strlen(buf_text(&out)) != out.len || strv_len(lines) > 4)
		abort();
	for (i = 0; lines[i]; i++)
		if ((!str_starts(lines[i], "nameserver ") && (i > 0 || !str_starts(lines[i], "search "))) ||
		    strlen(lines[i]) > 600)
			abort();
	return 0;
}
