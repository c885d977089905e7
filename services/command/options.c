#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "help.h"
#include "logtext.h"
#include "str.h"

enum { USAGE_COLUMN = 35 };

/* --- values ------------------------------------------------------------------------------------------------------- */

/* Seconds, perhaps with a fraction. */
static int delay_parse(const char *text, unsigned *ms, struct error *err)
{
	char *end;
	double s = strtod(text, &end);

	if (end == text || *end || !(s >= 0.1 && s <= 86400))
		return error_set(err, 0, "-d: '%s' is no number of seconds from 0.1 to 86400", text);
	*ms = (unsigned)(s * 1000);
	return 0;
}

static int tail_parse(const char *text, long *tail, struct error *err)
{
	uint64_t n;

	if (str_eq(text, "all")) {
		*tail = LOGS_ALL;
		return 0;
	}
	if (str_to_u64(text, 1000000, &n) < 0)
		return error_set(err, 0, "-n: '%s' is no number of lines", text);
	*tail = (long)n;
	return 0;
}

static int since_parse(const char *text, uint64_t *since, struct error *err)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (logtext_time_parse(text, (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000, since) == 0)
		return 0;
	return error_set(err, 0, "--since: '%s' is neither a time (2026-01-31T12:00:00Z) nor how long ago (10m)", text);
}

static int values_parse(struct options *o, struct error *err)
{
	const struct service_options *g = &o->given;

	if (g->quiet && g->verbose)
		return error_set(err, 0, "either -q or -v");
	o->logs.follow = g->follow;
	o->logs.times = g->times;
	o->top.count = (unsigned)g->count;
	if ((g->delay && delay_parse(g->delay, &o->top.delay_ms, err) < 0) ||
	    (g->tail && tail_parse(g->tail, &o->logs.tail, err) < 0))
		return -1;
	return g->since ? since_parse(g->since, &o->logs.since, err) : 0;
}

/* --- words -------------------------------------------------------------------------------------------------------- */

static int words_check(const struct service_command *c, char *const *words, struct error *err)
{
	if (!c->words && words[0])
		return error_set(err, 0, "%s takes no arguments", c->name);
	if (c->words && str_eq(c->words, "NAME") && strv_len(words) != 1)
		return error_set(err, 0, "name one service");
	return 0;
}

int options_parse(const struct service_command *c, char **argv, struct options *o)
{
	_cleanup_free_ char *help = c ? str_format("service %s --help", c->name) : strdup("service --help");
	_cleanup_error_ struct error err = { 0 };
	const struct option_syntax syntax = {
		.tables = { { c ? c->options : service_globals, &o->given } },
		.help = help ? help : "service --help",
		.letters_cluster = true,
		.words_end = !c,
	};
	int r = option_parse(&syntax, argv, &err);

	if (r == OPTION_HELP) {
		options_help(c, stdout);
		return 0;
	}
	o->args = argv + 1;
	if (r == 0 && values_parse(o, &err) == 0 && (!c || words_check(c, o->args, &err) == 0))
		return -1;
	fprintf(stderr, "service: %s\n", error_text(&err));
	return 1;
}

/* --- help --------------------------------------------------------------------------------------------------------- */

static void usage_print(const struct service_command *c, FILE *to)
{
	_cleanup_free_ char *usage = service_usage(c);

	if (c->help)
		help_entry(usage ? usage : c->name, c->help, USAGE_COLUMN, to);
}

void options_help(const struct service_command *c, FILE *to)
{
	size_t i;

	if (c) {
		_cleanup_free_ char *name = str_format("service %s", c->name);

		help_program(name ? name : c->name, c->words, c->help ? c->help : "", c->options, to);
		return;
	}
	fputs("usage: service [OPTION...] COMMAND [OPTION...] [ARGUMENT...]\n\n", to);
	for (i = 0; i < SERVICE_VERBS; i++)
		usage_print(&service_commands[i], to);
	fputs("\n`service COMMAND --help` tells a command's options. Before the command stand:\n\n", to);
	help_options(service_globals, to);
}
