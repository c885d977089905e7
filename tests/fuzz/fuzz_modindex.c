/* A depmod index: the first byte is the length of the text that is looked up, which follows; the index is the rest. */
#include <stdlib.h>
#include <string.h>

#include "modindex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int count(void *data, uint32_t priority, const char *value)
{
	(void)priority;
	*(size_t *)data += strlen(value);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	_cleanup_error_ struct error err = { 0 };
	struct modindex index;
	char text[256] = "";
	size_t length = n > 0 ? data[0] : 0, total = 0;

	if (n < 1 + length || modindex_open(data + 1 + length, n - 1 - length, &index, &err) < 0)
		return 0;
	memcpy(text, data + 1, length);
	modindex_match(&index, text, count, &total, &err);
	modindex_value(&index, text);
	return 0;
}
