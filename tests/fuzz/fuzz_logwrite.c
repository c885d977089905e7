/* logwrite: the file name of a source stays in its folder. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "logs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	_cleanup_free_ char *source = strndup((const char *)data, n);
	char name[LOGS_NAME + 1];

	if (!source)
		return 0;
	logs_name(source, name);
	if (!memchr(name, '\0', sizeof(name)) || name[0] == '\0' || name[0] == '.' || strchr(name, '/'))
		abort();
	return 0;
}
