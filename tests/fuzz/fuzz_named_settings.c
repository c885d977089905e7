/* Settings of named machines: what is refused has a reason; what is taken is written, and read again as the same. */
#include <stdlib.h>
#include <string.h>

#include "settings.h"
#include "str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct settings s = { .cpus = 1, .memory = SETTINGS_MIB * 64 }, again = { 0 };
	struct buf text = { 0 }, second = { 0 };
	struct error e = { 0 };
	char *copy = malloc(size + 1);
	int r;

	if (size > 0)
		memcpy(copy, data, size);
	copy[size] = '\0';
	r = settings_parse(copy, size, &s, &e);
	if ((r < 0) != (e.msg != NULL))
		abort();
	if (r == 0 &&
	    (settings_write(&s, &text, &e) < 0 || settings_parse(buf_text(&text), text.len, &again, &e) < 0 ||
	     settings_write(&again, &second, &e) < 0 || !str_eq(buf_text(&text), buf_text(&second))))
		abort();
	settings_clear(&s);
	settings_clear(&again);
	buf_free(&text);
	buf_free(&second);
	error_clear(&e);
	free(copy);
	return 0;
}
