/* Messages about devices. */
#include "uevent.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct uevent e;

	if (uevent_parse((const char *)data, n, &e) == 0 &&
	    strlen(e.action) + strlen(e.devpath) + strlen(e.modalias) > n)
		__builtin_trap();
	return 0;
}
