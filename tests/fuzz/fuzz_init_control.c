/* Requests to PID 1. */
#include "control.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct control_request r;
	size_t total = 0;

	if (control_parse((const char *)data, n, &r))
		return 0;
	if (r.name && strlen(r.name) > INITCTL_NAME)
		__builtin_trap();
	for (size_t i = 0; r.argv[i]; i++)
		total += strlen(r.argv[i]) + 1;
	if (total > n)
		__builtin_trap();
	return 0;
}
