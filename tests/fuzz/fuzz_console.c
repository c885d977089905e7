/* Keys typed: never more bytes than came in, and the same whatever the pieces are. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "console.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct console whole = { .terminal = true, .raw_keys = n % 2 }, parts = whole;
	_cleanup_free_ uint8_t *a = malloc(n + 1), *b = malloc(n + 1);
	enum console_key key;
	size_t i, left, sum = 0;

	if (n) {
		memcpy(a, data, n);
		memcpy(b, data, n);
	}
	left = console_keys(&whole, a, n, &key);
	for (i = 0; i < n; i++) {
		uint8_t c = b[i];
		size_t one = console_keys(&parts, &c, 1, &key);

		if (one > 1)
			abort();
		if (one)
			b[sum++] = c;
	}
	if (left > n || left != sum || memcmp(a, b, left) != 0)
		abort();
	return 0;
}
