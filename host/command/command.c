#include "command.h"

#include <errno.h>

#include "globals.h"
#include "help.h"
#include "log.h"
#include "str.h"
#include "suggest.h"

int command_parse(const struct command *c, char **argv, void *data, struct error *err)
{
	_cleanup_free_ char *help = str_format("pith %s --help", c->name);
	struct option_syntax syntax = {
		.tables = { { c->options, data }, { global_options, NULL } },
		.help = help,
		.letters_cluster = c->letters_cluster,
		.words_end = c->words_end,
	};

	if (!help)
		return error_set(err, ENOMEM, "options");
	if (argv[0] && argv[1] && str_eq(argv[1], "help") && !argv[2]) /* `pith run help` */
		return OPTION_HELP;
	return option_parse(&syntax, argv, err);
}

int command_refuse(const struct error *err)
{
	log_error("%s", error_text(err));
	return err->code == ENOTSUP ? 1 : 2;
}

int command_line(const struct command *c, char **argv, void *data)
{
	_cleanup_error_ struct error err = { 0 };
	int r = command_parse(c, argv, data, &err);

	if (r < 0)
		return command_refuse(&err);
	if (r == 0)
		return -1;
	command_help(c, stdout);
	return 0;
}

const struct command_verb *verb_find(const struct command_verb *verbs, const char *name, const char *help,
				     struct error *err)
{
	const char *names[64] = { 0 }, *near;
	size_t i, count = 0;

	for (i = 0; verbs[i].name; i++) {
		if (str_eq(verbs[i].name, name) && !verbs[i].instead)
			return &verbs[i];
		if (str_eq(verbs[i].name, name)) {
			error_set(err, 0, "there is no command \"%s\": %s", name, verbs[i].instead);
			return NULL;
		}
		if (verbs[i].help && count + 1 < array_len(names))
			names[count++] = verbs[i].name;
	}
	near = word_suggest(name, names);
	if (near)
		error_set(err, 0, "unknown command \"%s\": did you mean \"%s\"?", name, near);
	else
		error_set(err, 0, "unknown command \"%s\": %s", name, help);
	return NULL;
}
