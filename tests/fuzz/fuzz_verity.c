/* The word of the command line that says which root is the right one: what is taken comes out as it went in, and shapes
 * no tree that numbers do not hold. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "verity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), back[VERITY_TEXT];
	struct verity v, again;

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	if (verity_parse(text, &v)) {
		verity_text(&v, back);
		if (!verity_parse(back, &again) || memcmp(v.root, again.root, sizeof(v.root)) != 0 ||
		    memcmp(v.salt, again.salt, sizeof(v.salt)) != 0 || v.blocks != again.blocks || v.blocks == 0)
			abort();
		if (verity_total(v.blocks) <= v.blocks || verity_total(v.blocks) > INT64_MAX / VERITY_BLOCK)
			abort();
	}
	free(text);
	return 0;
}
