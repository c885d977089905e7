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
	struct build_options o;
	struct error err = { 0 };
	size_t at = 0, i, formats = 0;
	int argc = 1;

	if (n)
		memcpy(text, data, n);
	text[n] = '\0';
	for (; at < n && argc < 33; at += strlen(text + at) + 1)
		argv[argc++] = text + at;
	if (build_options_parse(argc, argv, &o, &err) == 0) {
		for (i = 0; i < FORMATS; i++)
			formats += o.formats[i];
		if (!o.help && !o.schema && (!o.inputs || !o.inputs[0] || !formats))
			abort();
	} else if (!err.msg || !*err.msg) {
		abort();
	}
	build_options_clear(&o);
	error_clear(&err);
	return 0;
}
