/* Debian's control data: names that are taken can be file names and arguments, and parsing moves on. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	/* just as long as it is: reading on is an error that the sanitizer sees */
	_cleanup_free_ char *text = malloc(n ? n : 1);
	size_t at = 0;
	long r = 1;

	if (n)
		memcpy(text, data, n);
	while (r > 0) {
		struct control c;

		r = control_parse(text + at, n - at, &c, NULL);
		if (r > 0 &&
		    ((size_t)r > n - at || !*c.name || strpbrk(c.name, "/ \n") || strpbrk(c.version, "/ \n") ||
		     strlen(c.sha256) != 64 || (c.depends && !*c.depends[0])))
			abort();
		if (r > 0)
			at += (size_t)r;
		control_clear(&c);
	}
	return 0;
}
