#include "program.h"

#include <stdio.h>

#include "help.h"
#include "log.h"
#include "str.h"

int program_line(const struct program *p, char **argv, void *data)
{
	_cleanup_free_ char *help = str_format("%s --help", p->name);
	const struct option_syntax syntax = {
		.tables = { { p->options, data } },
		.help = help ? help : p->name,
		.letters_cluster = p->letters_cluster,
		.words_end = true,
	};
	_cleanup_error_ struct error err = { 0 };
	int r = option_parse(&syntax, argv, &err);

	if (r == OPTION_HELP) {
		help_program(p->name, p->words, p->text, p->options, stdout);
		return 0;
	}
	if (r == 0 && !p->words && argv[0] && argv[1])
		r = error_set(&err, 0, "\"%s\": %s takes options only", argv[1], p->name);
	if (r == 0)
		return -1;
	log_error("%s", error_text(&err));
	return p->misuse ? p->misuse : 2;
}
