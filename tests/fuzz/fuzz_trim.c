/* Docker's events and durations, as trim-after-delete reads them. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	_cleanup_error_ struct error err = { 0 };
	const char *what = NULL;
	int r = event_deletes((const char *)data, n, &what, &err);
	char text[64];
	uint64_t us;

	if ((r > 0) != (what != NULL) || (r < 0 && !err.msg))
		abort();
	if (n >= sizeof(text))
		n = sizeof(text) - 1;
	memcpy(text, data, n);
	text[n] = '\0';
	if (duration_parse(text, &us) == 0 && us > 367ull * 24 * 3600 * 1000000)
		abort();
	return 0;
}
