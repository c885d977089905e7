/* A console's bytes, in two pieces. */
#include <stdlib.h>
#include <string.h>

#include "ending.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ending whole = { 0 }, parts = { 0 };
	size_t cut = size ? data[0] % size : 0;

	ending_feed(&whole, data, size);
	ending_feed(&parts, data, cut);
	ending_feed(&parts, data + cut, size - cut);
	if (strcmp(whole.failure, parts.failure) != 0 || strcmp(whole.panic, parts.panic) != 0)
		abort();
	return 0;
}
