/* The words that the guest's command `service` takes: what it prints as usage, and what the host's manual page
 * service(8) lists. */
#pragma once

#define SERVICE_SYNOPSIS "[-q|-v] [--containerd-namespace NAME] COMMAND"

static const struct {
	const char *words, *help;
} service_usage[] = {
	{ "list [--format table|json]", "services, what they do, how they ended" },
	{ "ps", "the same, with the memory that they use" },
	{ "top [-d SECONDS] [-n TIMES]", "what they use, again and again on a terminal" },
	{ "start [--path DIR] [--dump-spec FILE] NAME", "start a service and wait until it is ready" },
	{ "stop NAME", "stop a service and wait for its end" },
	{ "restart NAME", "both" },
	{ "start, stop, restart --sock S", "through the containerd that listens on this socket" },
	{ "wait [--started] [NAME...]", "until these services, or all, are ready, or have a process" },
	{ "logs [-f] [-t] [-n LINES] [--since TIME] NAME",
	  "what a service wrote, in order, -t: with times; onboot/NAME: what a container of the boot did" },
	{ "report [--format table|json]", "what each step of the boot took, and how it ended" },
	{ "system-init [--sock S] [--path P] [--containerd C] [--runtime R]",
	  "start the supervisor, and with it all services" },
	{ "supervise", "the same in this process" },
	{ "onboot, onshutdown, volumes [--path P] [--runtime R]", "what the init scripts of these names do" },
};
