/* build.yml: what is refused is refused with a message that can be shown. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recipe.h"
#include "str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	_cleanup_recipe_ struct recipe r = { 0 };
	static FILE *null;
	char *text = malloc(n + 1);

	if (!null)
		null = fopen("/dev/null", "we");
	if (n)
		memcpy(text, data, n);
	text[n] = '\0';
	if (recipe_parse(&r, "build.yml", text, n)) {
		if (!r.root)
			abort();
	} else if (r.diags.count == 0) {
		abort();
	}
	diags_print(&r.diags, null, true);
	return 0;
}
