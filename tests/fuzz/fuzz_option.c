/* A command line of words separated by NUL: what is refused is refused with words. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "globals.h"
#include "option.h"
#include "str.h"

static const char *const words[] = { "auto", "plain", NULL };

struct values {
	const char *text;
	char **list;
	uint64_t number;
	int choice;
	bool on;
};

#define FIELD(name) offsetof(struct values, name)

static const struct option table[] = {
	{ "mem", 'm', .argument = "SIZE", .set = option_set_text, .field = FIELD(text) },
	{ "env", 'e', .argument = "WORD", .set = option_set_list, .field = FIELD(list) },
	{ "lines", 'n', .argument = "N", .set = option_set_number, .field = FIELD(number), .min = 3, .max = 9 },
	{ "initrd", .argument = "KIND", .set = option_set_choice, .field = FIELD(choice), .choices = words },
	{ "uefi", 'u', .set = option_set_switch, .field = FIELD(on) },
	{ "progress", .argument = "KIND", .set = option_set_nothing },
	{ 0 },
};

static void check(const struct values *v, char **argv, size_t argc)
{
	size_t count = strv_len(argv);

	if (v->choice < 0 || v->choice > 1 || (v->number && (v->number < 3 || v->number > 9)) || count > argc)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *text = malloc(n + 1), *argv[34] = { (char *)"cmd" };
	struct values v = { 0 };
	const struct option_syntax syntax = {
		.tables = { { table, &v }, { global_options, NULL } },
		.help = "pith cmd --help",
		.letters_cluster = n % 2,
		.words_end = n % 3 == 0,
	};
	struct error err = { 0 };
	size_t at = 0, argc = 1;
	int r;

	if (n)
		memcpy(text, data, n);
	text[n] = '\0';
	for (; at < n && argc < 33; at += strlen(text + at) + 1)
		argv[argc++] = text + at;
	unsetenv("LINUXKIT_MIRROR");
	r = option_parse(&syntax, argv, &err);
	if (r < 0 && (!err.msg || !*err.msg))
		abort(); /* an error that says nothing */
	if (r == 0)
		check(&v, argv, argc);
	strv_free(v.list);
	error_clear(&err);
	free(text);
	return 0;
}
