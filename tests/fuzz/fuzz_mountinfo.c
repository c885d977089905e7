/* A line of mountinfo. */
#include "mountinfo.h"

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	_cleanup_free_ char *line = strndup((const char *)data, n);
	struct mountinfo m;

	if (line && mountinfo_parse(line, &m) == 0 &&
	    strlen(m.target) + strlen(m.type) + strlen(m.source) + strlen(m.super) > n)
		__builtin_trap();
	return 0;
}
