/* Lines of sysctl.d files: a path that is taken stays below /proc/sys. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sysctl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char path[64], value[64];
	struct error err = { 0 };
	int optional,
		r = sysctl_parse((const char *)data, n, path, sizeof(path), value, sizeof(value), &optional, &err);

	if (r < 0 && !err.msg)
		abort();
	if (r > 0 &&
	    (!memchr(path, '\0', sizeof(path)) || !memchr(value, '\0', sizeof(value)) || path[0] == '/' ||
	     path[0] == '\0' || strstr(path, "..")))
		abort();
	error_clear(&err);
	return 0;
}
