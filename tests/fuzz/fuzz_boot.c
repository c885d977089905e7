/* The first bytes of a kernel's file, with the file's size in front: any bytes are told from a kernel. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kernel_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	_cleanup_error_ struct error err = { 0 };
	uint32_t size;

	if (n < sizeof(size))
		return 0;
	memcpy(&size, data, sizeof(size));
	if (kernel_file_check(data + sizeof(size), n - sizeof(size), size, &err) < 0 && !err.msg)
		abort();
	return 0;
}
