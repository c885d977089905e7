/* ELF files: broken ones are refused, and what is taken is bounded. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "elf.h"
#include "str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct error err = { 0 };
	struct elf e;
	int r = elf_parse(data, n, &e, &err);

	if (r < 0 && !err.msg)
		abort();
	if (r > 0 && e.interpreter && e.interpreter[0] != '/')
		abort();
	error_clear(&err);
	elf_clear(&e);
	return 0;
}
