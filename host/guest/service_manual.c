#include "service_manual.h"

#include "buf.h"
#include "cleanup.h"
#include "help.h"
#include "service_command.h"

static void manual_entry(const struct service_command *c, FILE *to)
{
	_cleanup_free_ char *usage = service_usage(c);

	if (c->help)
		roff_entry(usage ? usage : c->name, c->help, to);
}

static void manual_rows(const struct option *options, FILE *to)
{
	const struct option *o;

	for (o = options; o->name; o++) {
		_cleanup_free_ char *label = option_label(o);

		if (o->help)
			roff_entry(label ? label : o->name, o->help, to);
	}
}

/* The options of a command that has others than --help, and of those behind it in the list that have the same. */
static void manual_section(const struct service_command *c, FILE *to)
{
	_cleanup_buf_ struct buf names = { 0 };
	const struct service_command *same;

	if (!c->help || !c->options->set || (c > service_commands && c[-1].options == c->options))
		return;
	for (same = c; same < service_commands + SERVICE_VERBS && same->help && same->options == c->options; same++)
		(void)!buf_addf(&names, "%s%s", same == c ? "Options of " : ", ", same->name);
	roff_subheading(buf_text(&names), to);
	manual_rows(c->options, to);
}

void service_manual(const struct roff_edition *edition, FILE *to)
{
	size_t i;

	roff_begin("service", "8", edition, to);
	roff_heading("NAME", to);
	fputs("service \\- run and look after the services of a machine\n", to);
	roff_heading("SYNOPSIS", to);
	roff_synopsis("service", "[OPTION...] COMMAND [OPTION...] [ARGUMENT...]", true, to);
	roff_heading("DESCRIPTION", to);
	roff_text("service is a program of the guest. It starts the containers that run at boot and the supervisor of "
		  "those "
		  "that keep running, and asks the supervisor for what a user wants. From the host `pith ps`, `logs`, "
		  "`top`, "
		  "`start`, `stop` and `restart` run it in a machine.",
		  to);
	roff_heading("COMMANDS", to);
	for (i = 0; i < SERVICE_VERBS; i++)
		manual_entry(&service_commands[i], to);
	roff_heading("OPTIONS BEFORE THE COMMAND", to);
	manual_rows(service_globals, to);
	for (i = 0; i < SERVICE_VERBS; i++)
		manual_section(&service_commands[i], to);
	roff_heading("EXIT STATUS", to);
	roff_entry("0", "It is done.", to);
	roff_entry("1", "It failed, or the command line makes no sense; standard error says why.", to);
	roff_heading("SEE ALSO", to);
	roff_text("pith(1), pith.yml(5)", to);
}
