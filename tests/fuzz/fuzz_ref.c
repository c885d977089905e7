/* Image references: what is taken, is taken again as it was expanded. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ref.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	_cleanup_free_ char *text = strndup((const char *)data, n), *full = NULL, *again = NULL;
	_cleanup_ref_ struct ref ref = { 0 };
	struct error err = { 0 };

	if (ref_parse(text, &ref, &err) < 0) {
		error_clear(&err);
		return 0;
	}
	full = ref_text(&ref);
	again = ref_expand(full, NULL);
	if (!again || strcmp(full, again) != 0 || strchr(full, ' '))
		abort();
	return 0;
}
