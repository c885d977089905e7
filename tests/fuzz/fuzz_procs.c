/* /proc/PID/stat: a process chooses its own name. */
#include "process.h"

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	_cleanup_free_ char *text = strndup((const char *)data, n);
	struct process_stat p;

	if (text && process_stat_parse(text, &p) == 0 && strlen(p.name) > n)
		__builtin_trap();
	return 0;
}
