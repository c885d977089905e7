/* Lines of binfmt.d files: a name that is taken is one file's. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "rule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	_cleanup_error_ struct error err = { 0 };
	struct rule rule;
	int r = rule_parse((const char *)data, n, &rule, &err);

	if (r < 0 && !err.msg)
		abort();
	if (r > 0 && (!rule.name[0] || strchr(rule.name, '/') || rule.name[0] == '\0' || strlen(rule.text) != rule.len))
		abort();
	return 0;
}
