/* The command line of `pith build`, words separated by NUL: what is refused is refused with words. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	_cleanup_free_ char *text = malloc(n + 1);
	char *argv[34] = { (char *)"build" };
	static const struct command c = { .name = "build", .options = build_table };
	struct build_options o;
	struct error err = { 0 };
	size_t at = 0, i, formats = 0;
	int argc = 1, r;

	if (n)
		memcpy(text, data, n);
	text[n] = '\0';
	for (; at < n && argc < 33; at += strlen(text + at) + 1)
		argv[argc++] = text + at;
	r = build_options_parse(&c, argv, &o, &err);
	if (r == 0) {
		for (i = 0; i < FORMATS; i++)
			formats += o.formats[i];
		if (!o.schema && (!o.inputs || !o.inputs[0] || !formats))
			abort();
	} else if (r < 0 && (!err.msg || !*err.msg)) {
		abort();
	}
	build_options_clear(&o);
	error_clear(&err);
	return 0;
}
