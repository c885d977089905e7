#include "completion.h"

#include <string.h>

#include "globals.h"
#include "str.h"

enum { HELP_MAX = 70 }; /* bytes of an option's help that a shell shows */

/* --- the tables --------------------------------------------------------------------------------------------------- */

static bool is_folder(const struct option *o)
{
	return str_starts(o->argument, "DIR");
}

static bool is_file(const struct option *o)
{
	return str_eq(o->argument, "FILE") || str_eq(o->argument, "PATH");
}

/* The help up to its first semicolon or bracket, in which `special` bytes have a backslash in front. */
static void put_help(const char *help, const char *special, FILE *to)
{
	size_t i, n = strcspn(help, ";(");

	n = n < HELP_MAX ? n : HELP_MAX;
	while (n > 0 && (help[n - 1] == ' ' || help[n - 1] == ','))
		n--;
	for (i = 0; i < n; i++) {
		if (strchr(special, help[i]))
			fputc('\\', to);
		if (help[i] != '\'' || strchr(special, '\''))
			fputc(help[i], to);
	}
}

static void put_choices(const struct option *o, const char *separator, FILE *to)
{
	size_t i;

	for (i = 0; o->choices[i]; i++)
		fprintf(to, "%s%s", i ? separator : "", o->choices[i]);
}

static void put_commands(const struct command *const *commands, const char *separator, FILE *to)
{
	size_t i;

	for (i = 0; commands[i]; i++)
		fprintf(to, "%s%s", i ? separator : "", commands[i]->name);
}

/* --- bash --------------------------------------------------------------------------------------------------------- */

static void bash_options(const struct option *o, FILE *to)
{
	for (; o && o->name; o++)
		if (o->help)
			fprintf(to, "--%s ", o->name);
}

static void bash_verbs(const struct command_verb *v, FILE *to)
{
	for (; v && v->name; v++)
		if (v->help)
			fprintf(to, "%s ", v->name);
}

/* The words that an option's value can be, by "COMMAND OPTION". */
static void bash_values(const struct command *c, FILE *to)
{
	const struct option *o;

	for (o = c->options; o && o->name; o++) {
		if (!o->choices || !o->help)
			continue;
		fprintf(to, "\t'%s --%s') values='", c->name, o->name);
		put_choices(o, " ", to);
		fputs("' ;;\n", to);
	}
}

static void bash_print(const struct command *const *commands, FILE *to)
{
	size_t i;

	fputs("# bash completion of pith\n"
	      "_pith() {\n"
	      "\tlocal word=${COMP_WORDS[COMP_CWORD]} command='' options='' verbs='' values='' names='' i\n"
	      "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	      "\t\tcase ${COMP_WORDS[i]} in\n"
	      "\t\t--cache | --mirror | --cert-file) ((i++)) ;;\n"
	      "\t\t-*) ;;\n"
	      "\t\t*) command=${COMP_WORDS[i]}; break ;;\n"
	      "\t\tesac\n"
	      "\tdone\n"
	      "\tcase $command in\n"
	      "\t'') verbs='",
	      to);
	put_commands(commands, " ", to);
	fputs("' ;;\n", to);
	for (i = 0; commands[i]; i++) {
		fprintf(to, "\t%s) options='", commands[i]->name);
		bash_options(commands[i]->options, to);
		fputs("' verbs='", to);
		if (str_eq(commands[i]->name, "help"))
			put_commands(commands, " ", to);
		bash_verbs(commands[i]->verbs, to);
		fprintf(to, "'%s%s%s ;;\n", commands[i]->names ? " names='" : "",
			commands[i]->names ? commands[i]->names : "", commands[i]->names ? "'" : "");
	}
	fputs("\tesac\n\toptions+=' ", to);
	bash_options(global_options, to);
	fputs("'\n\tcase \"$command ${COMP_WORDS[COMP_CWORD - 1]}\" in\n", to);
	for (i = 0; commands[i]; i++)
		bash_values(commands[i], to);
	fputs("\tesac\n"
	      "\tif [[ $values ]]; then\n"
	      "\t\tverbs=$values\n"
	      "\telif [[ $word == -* ]]; then\n"
	      "\t\tverbs=$options\n"
	      "\telif [[ $names ]] && ((COMP_CWORD > i + 1)); then\n"
	      "\t\tverbs=$(eval \"$names\" 2>/dev/null)\n"
	      "\telif [[ $command ]] && ((COMP_CWORD != i + 1)); then\n"
	      "\t\tverbs=''\n"
	      "\tfi\n"
	      "\t[[ -z $verbs ]] || mapfile -t COMPREPLY < <(compgen -W \"$verbs\" -- \"$word\")\n"
	      "}\n"
	      "complete -o default -F _pith pith linuxkit\n",
	      to);
}

/* --- zsh ---------------------------------------------------------------------------------------------------------- */

static void zsh_value(const struct option *o, FILE *to)
{
	fputs(o->value_optional ? "::" : ":", to);
	for (const char *s = o->argument; *s; s++)
		fprintf(to, strchr(":[]", *s) ? "\\%c" : "%c", *s);
	fputc(':', to);
	if (o->choices) {
		fputc('(', to);
		put_choices(o, " ", to);
		fputc(')', to);
	} else if (is_folder(o)) {
		fputs("_files -/", to);
	} else if (is_file(o)) {
		fputs("_files", to);
	}
}

/* One option, as _arguments takes it. */
static void zsh_option(const struct option *o, FILE *to)
{
	const char *value = o->argument ? "=" : "";

	if (o->letter)
		fprintf(to, " \\\n\t\t\t'(-%c --%s)'{-%c,--%s%s}'[", o->letter, o->name, o->letter, o->name, value);
	else
		fprintf(to, " \\\n\t\t\t'--%s%s[", o->name, value);
	put_help(o->help, ":[]", to);
	fputc(']', to);
	if (o->argument)
		zsh_value(o, to);
	fputc('\'', to);
}

static void zsh_command(const struct command *c, FILE *to)
{
	const struct command_verb *v;
	const struct option *o;

	fprintf(to, "\t%s)\n\t\t_arguments $global", c->name);
	for (o = c->options; o && o->name; o++)
		if (o->help)
			zsh_option(o, to);
	if (c->verbs) {
		fputs(" \\\n\t\t\t'1:command:((", to);
		for (v = c->verbs; v->name; v++) {
			if (!v->help)
				continue;
			fprintf(to, " %s\\:\"", v->name);
			put_help(v->help, ":[]", to);
			fputc('"', to);
		}
		fputs("))'", to);
	}
	if (c->names)
		fprintf(to, " \\\n\t\t\t\"*:name:($(%s 2>/dev/null))\" ;;\n", c->names);
	else
		fputs(" \\\n\t\t\t'*:file:_files' ;;\n", to);
}

static void zsh_print(const struct command *const *commands, FILE *to)
{
	const struct option *o;
	size_t i;

	fputs("#compdef pith linuxkit\n"
	      "_pith() {\n"
	      "\tlocal context state state_descr line\n"
	      "\tlocal -a commands global\n"
	      "\tcommands=(\n",
	      to);
	for (i = 0; commands[i]; i++) {
		fprintf(to, "\t\t'%s:", commands[i]->name);
		put_help(commands[i]->summary, ":", to);
		fputs("'\n", to);
	}
	fputs("\t)\n\tglobal=(", to);
	for (o = global_options; o->name; o++)
		zsh_option(o, to);
	fputs(" \\\n\t)\n"
	      "\t_arguments -C $global '1:command:->command' '*::argument:->argument'\n"
	      "\t[[ $state != command ]] || _describe command commands\n"
	      "\t[[ $state == argument ]] || return\n"
	      "\tcase $words[1] in\n",
	      to);
	for (i = 0; commands[i]; i++)
		zsh_command(commands[i], to);
	fputs("\tesac\n}\n_pith \"$@\"\n", to);
}

/* --- fish --------------------------------------------------------------------------------------------------------- */

static void fish_option(const char *condition, const struct option *o, FILE *to)
{
	fprintf(to, "complete -c pith%s -l %s", condition, o->name);
	if (o->letter)
		fprintf(to, " -s %c", o->letter);
	if (o->argument && !o->value_optional)
		fputs(is_file(o) || is_folder(o) ? " -r" : " -x", to);
	if (o->choices) {
		fputs(" -a '", to);
		put_choices(o, " ", to);
		fputc('\'', to);
	}
	fputs(" -d '", to);
	put_help(o->help, "'\\", to);
	fputs("'\n", to);
}

static void fish_word(const char *condition, const char *word, const char *help, FILE *to)
{
	fprintf(to, "complete -c pith -n '%s' -f -a %s -d '", condition, word);
	put_help(help, "'\\", to);
	fputs("'\n", to);
}

static void fish_command(const struct command *c, FILE *to)
{
	_cleanup_free_ char *seen = str_format("__fish_seen_subcommand_from %s", c->name);
	_cleanup_free_ char *condition = seen ? str_format(" -n '%s'", seen) : NULL;
	const struct command_verb *v;
	const struct option *o;

	if (!condition)
		return;
	for (o = c->options; o && o->name; o++)
		if (o->help)
			fish_option(condition, o, to);
	for (v = c->verbs; v && v->name; v++)
		if (v->help)
			fish_word(seen, v->name, v->help, to);
	if (c->names)
		fprintf(to, "complete -c pith -n '%s' -f -a '(%s 2>/dev/null)'\n", seen, c->names);
}

static void fish_print(const struct command *const *commands, FILE *to)
{
	const struct option *o;
	size_t i;

	fputs("# fish completion of pith\n", to);
	for (i = 0; commands[i]; i++)
		fish_word("__fish_use_subcommand", commands[i]->name, commands[i]->summary, to);
	for (o = global_options; o->name; o++)
		fish_option("", o, to);
	for (i = 0; commands[i]; i++)
		fish_command(commands[i], to);
}

/* --- any shell ---------------------------------------------------------------------------------------------------- */

bool completion_print(const char *shell, const struct command *const *commands, FILE *to)
{
	static const struct {
		const char *name;
		void (*print)(const struct command *const *commands, FILE *to);
	} shells[] = { { "bash", bash_print }, { "zsh", zsh_print }, { "fish", fish_print } };
	size_t i;

	for (i = 0; i < array_len(shells); i++) {
		if (str_eq(shell, shells[i].name)) {
			shells[i].print(commands, to);
			return true;
		}
	}
	return false;
}
