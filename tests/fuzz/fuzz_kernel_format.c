/* Kernel headers: what is found lies within the file. */
#include <stdlib.h>

#include "kernel_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_error_ struct error err = { 0 };
	struct kernel_payload k;

	if (kernel_payload_parse(data, size < KERNEL_HEAD ? size : KERNEL_HEAD, size, &k, &err) < 0)
		return 0;
	if (k.offset > size || k.size > size - k.offset)
		abort();
	return 0;
}
