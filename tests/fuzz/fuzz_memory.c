/* A kernel's head and a cpio header. */
#include <stdlib.h>
#include <string.h>

#include "memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct memory_kernel k = memory_kernel_parse(data, size);
	uint8_t head[MEMORY_CPIO_HEAD] = { 0 };
	uint64_t step, content;

	memcpy(head, data, size < sizeof(head) ? size : sizeof(head));
	if (memory_cpio_parse(head, &step, &content) == 0 && step < MEMORY_CPIO_HEAD)
		abort(); /* whoever walks an archive would not come forward */
	if (memory_sum(&k, 1 << 20, 1 << 19, 1 << 20) < k.size)
		abort();
	return 0;
}
