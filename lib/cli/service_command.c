#include "service_command.h"

#include "help.h"
#include "str.h"

#define FIELD(name) .field = offsetof(struct service_options, name)

static const char *const formats[] = { [SERVICE_TABLE] = "table", [SERVICE_JSON] = "json", NULL };

static const char *const whens[] = { [SERVICE_ALWAYS] = "always", [SERVICE_LAZY] = "lazy", NULL };

#define ROW_HELP                                       \
	{                                              \
		"help", 'h', .help = "print this help" \
	}
#define ROW_FORMAT                                                                                               \
	{                                                                                                        \
		"format", .argument = "table|json", .set = option_set_choice, FIELD(format), .choices = formats, \
			  .help = "table: for people, json: for programs"                                        \
	}
#define ROW_PATH(what)                                                                       \
	{                                                                                    \
		"path", .argument = "DIR", .set = option_set_text, FIELD(path), .help = what \
	}
#define ROW_RUNTIME                                                                           \
	{                                                                                     \
		"runtime", .argument = "PATH", .set = option_set_text, FIELD(runtime),        \
			   .help = "the OCI runtime; without it the one that the machine has" \
	}
#define ROW_SOCK(what)                                                                          \
	{                                                                                       \
		"sock", .argument = "SOCKET", .set = option_set_text, FIELD(sock), .help = what \
	}

const struct option service_globals[] = {
	{ "quiet", 'q', .set = option_set_switch, FIELD(quiet), .help = "print errors only" },
	{ "verbose", 'v', .set = option_set_switch, FIELD(verbose), .help = "print what is done, too" },
	{ "containerd-namespace", .argument = "NAME", .set = option_set_text, FIELD(namespace),
	  .help = "the namespace of services in containerd, services.linuxkit" },
	ROW_HELP,
	{ 0 },
};

static const struct option plain_options[] = { ROW_HELP, { 0 } };
static const struct option format_options[] = { ROW_FORMAT, ROW_HELP, { 0 } };

static const struct option top_options[] = {
	{ "delay", 'd', .argument = "SECONDS", .set = option_set_text, FIELD(delay), .help = "between two looks, 2" },
	{ "count", 'n', .argument = "TIMES", .set = option_set_number, FIELD(count), .min = 1, .max = 1000000,
	  .help = "so many tables; without it, on a terminal, until q is pressed, else one" },
	ROW_HELP,
	{ 0 },
};

static const struct option request_options[] = {
	ROW_PATH("the services' bundles, /containers/services"),
	ROW_SOCK("through the containerd that listens on this socket"),
	{ "dump-spec", .argument = "FILE", .set = option_set_text, FIELD(dump_spec),
	  .help = "write there the config.json that the container gets" },
	ROW_HELP,
	{ 0 },
};

static const struct option wait_options[] = {
	{ "started", .set = option_set_switch, FIELD(started), .help = "until they have a process" },
	ROW_HELP,
	{ 0 },
};

static const struct option logs_options[] = {
	{ "follow", 'f', .set = option_set_switch, FIELD(follow), .help = "go on with what comes" },
	{ "timestamps", 't', .set = option_set_switch, FIELD(times), .help = "a time before each line" },
	{ "tail", 'n', .argument = "LINES", .set = option_set_text, FIELD(tail), .help = "the last so many lines" },
	{ "lines", .argument = "LINES", .set = option_set_text, FIELD(tail) },
	{ "since", .argument = "TIME", .set = option_set_text, FIELD(since),
	  .help = "lines from that time on: 2026-01-31T12:00:00Z, or how long ago (10m)" },
	ROW_HELP,
	{ 0 },
};

static const struct option supervisor_options[] = {
	ROW_SOCK("containerd's, /run/containerd/containerd.sock"),
	ROW_PATH("the services' bundles, /containers/services"),
	{ "containerd", .argument = "PATH", .set = option_set_text, FIELD(containerd),
	  .help = "the program, /usr/bin/containerd; where it is not, the shims alone do" },
	{ "containerd-start", .argument = "always|lazy", .set = option_set_choice, FIELD(when), .choices = whens,
	  .help = "with the services, or when somebody asks for it (pith.containerd= of the kernel's command line)" },
	{ "containerd-idle", .argument = "SECONDS", .set = option_set_number, FIELD(idle), .min = 0,
	  .max = SERVICE_IDLE_MOST,
	  .help = "lazy: it is stopped when nobody has used it for so long; 0: never (pith.containerd.idle=)" },
	ROW_RUNTIME,
	ROW_HELP,
	{ 0 },
};

static const struct option once_options[] = {
	ROW_PATH("the bundles, in the order of their names"), ROW_RUNTIME, ROW_HELP, { 0 }
};
static const struct option volumes_options[] = { ROW_PATH("the volumes"), ROW_HELP, { 0 } };

const struct service_command service_commands[SERVICE_VERBS] = {
	[SERVICE_LIST] = { "list", NULL, "services, what they do, how they ended", format_options },
	[SERVICE_PS] = { "ps", NULL, "the same, with the memory that they use", plain_options },
	[SERVICE_TOP] = { "top", NULL, "what they use, again and again on a terminal", top_options },
	[SERVICE_START] = { "start", "NAME", "start a service and wait until it is ready", request_options },
	[SERVICE_STOP] = { "stop", "NAME", "stop a service and wait for its end", request_options },
	[SERVICE_RESTART] = { "restart", "NAME", "both", request_options },
	[SERVICE_WAIT] = { "wait", "[NAME...]", "until these services, or all, are ready", wait_options },
	[SERVICE_LOGS] = { "logs", "NAME",
			   "what a service wrote, in order; onboot/NAME: what a container of the boot wrote",
			   logs_options },
	[SERVICE_REPORT] = { "report", NULL, "what each step of the boot took, and how it ended", format_options },
	[SERVICE_SYSTEM_INIT] = { "system-init", NULL, "start the supervisor, and with it all services",
				  supervisor_options },
	[SERVICE_SUPERVISE] = { "supervise", NULL, "the same in this process", supervisor_options },
	[SERVICE_KEEP] = { "keep", NULL, NULL, supervisor_options },
	[SERVICE_ONBOOT] = { "onboot", NULL, "run the containers of the boot, one after another", once_options },
	[SERVICE_ONSHUTDOWN] = { "onshutdown", NULL, "run those of the shutdown", once_options },
	[SERVICE_VOLUMES] = { "volumes", NULL, "mount the volumes of the image", volumes_options },
	[SERVICE_HELP] = { "help", "[COMMAND]", NULL, plain_options },
};

char *service_usage(const struct service_command *c)
{
	_cleanup_free_ char *options = option_synopsis(c->options);

	return options ? str_format("%s%s%s%s%s", c->name, *options ? " " : "", options, c->words ? " " : "",
				    c->words ? c->words : "")
		       : NULL;
}
