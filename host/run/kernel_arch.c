#include "kernel_arch.h"

#include <string.h>

const char *kernel_arch_find(const uint8_t *head, size_t n)
{
	if (n >= 0x206 && memcmp(head + 0x202, "HdrS", 4) == 0)
		return "x86_64";
	if (n >= 60 && memcmp(head + 56, "ARM\x64", 4) == 0)
		return "aarch64";
	return NULL;
}
