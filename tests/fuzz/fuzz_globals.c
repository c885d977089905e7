/* A command line of words separated by NUL: what is refused is refused with words. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "globals.h"
#include "log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct option table[] = {
		{ "mem", required_argument, NULL, 1 }, { "uefi", optional_argument, NULL, 2 }, GLOBAL_OPTIONS, { 0 }
	};
	char *text = malloc(n + 1), *argv[34] = { (char *)"cmd" };
	struct error err = { 0 };
	size_t at = 0;
	int argc = 1, id;

	if (n)
		memcpy(text, data, n);
	text[n] = '\0';
	for (; at < n && argc < 33; at += strlen(text + at) + 1)
		argv[argc++] = text + at;
	unsetenv("LINUXKIT_MIRROR");
	optind = 0;
	while ((id = option_next(argc, argv, table, n % 2, "pith cmd --help", &err)) >= 0)
		if (id == 1 && !optarg)
			abort();
	if (id == OPTION_BAD && (!err.msg || !*err.msg))
		abort();
	error_clear(&err);
	free(text);
	return 0;
}
