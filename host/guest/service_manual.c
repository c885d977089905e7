#include "service_manual.h"

#include "cleanup.h"
#include "service_usage.h"

void service_manual(const struct roff_edition *edition, FILE *to)
{
	size_t i;

	roff_begin("service", "8", edition, to);
	roff_heading("NAME", to);
	fputs("service \\- run and look after the services of a machine\n", to);
	roff_heading("SYNOPSIS", to);
	roff_synopsis("service", SERVICE_SYNOPSIS, true, to);
	roff_heading("DESCRIPTION", to);
	roff_text("service is a program of the guest. It starts the containers that run at boot and the supervisor of "
		  "those "
		  "that keep running, and asks the supervisor for what a user wants. From the host `pith ps`, `logs`, "
		  "`top`, "
		  "`start`, `stop` and `restart` run it in a machine.",
		  to);
	roff_heading("COMMANDS", to);
	for (i = 0; i < array_len(service_usage); i++)
		roff_entry(service_usage[i].words, service_usage[i].help, to);
	roff_heading("OPTIONS", to);
	roff_entry("-q", "say less", to);
	roff_entry("-v", "say more", to);
	roff_entry("--containerd-namespace NAME", "the namespace of services in containerd, services.linuxkit", to);
	roff_heading("EXIT STATUS", to);
	roff_entry("0", "It is done.", to);
	roff_entry("1", "It failed, or the command line makes no sense; standard error says why.", to);
	roff_heading("SEE ALSO", to);
	roff_text("pith(1), pith.yml(5)", to);
}
