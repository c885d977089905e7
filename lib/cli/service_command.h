/* The command `service` of the guest: its words and options. The program parses them and prints its help from here, and
 * the host makes the manual page service(8) of the same rows. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "option.h"

/* What the options say, as written. The texts point into argv; NULL: not given. */
struct service_options {
	bool quiet, verbose, started, follow, times;
	const char *path, *runtime, *sock, *containerd, *namespace, *dump_spec, *since, *tail, *delay;
	int format; /* enum service_format */
	int when;   /* enum service_when */
	uint64_t count;
	uint64_t idle; /* seconds; 0: never */
};

enum service_format { SERVICE_TABLE, SERVICE_JSON };

/* The longest time that containerd is left without a client, in seconds. */
enum { SERVICE_IDLE_MOST = 365 * 24 * 3600 };

/* When containerd is started. */
enum service_when { SERVICE_ALWAYS, SERVICE_LAZY };

enum service_verb {
	SERVICE_LIST,
	SERVICE_PS,
	SERVICE_TOP,
	SERVICE_START,
	SERVICE_STOP,
	SERVICE_RESTART,
	SERVICE_WAIT,
	SERVICE_LOGS,
	SERVICE_REPORT,
	SERVICE_SYSTEM_INIT,
	SERVICE_SUPERVISE,
	SERVICE_KEEP,
	SERVICE_ONBOOT,
	SERVICE_ONSHUTDOWN,
	SERVICE_VOLUMES,
	SERVICE_HELP,
	SERVICE_VERBS
};

struct service_command {
	const char *name;
	const char *words;            /* what follows the options; NULL: nothing */
	const char *help;             /* NULL: shown nowhere */
	const struct option *options; /* their struct is service_options */
};

extern const struct service_command service_commands[SERVICE_VERBS];
/* Those before the command. */
extern const struct option service_globals[];

/* "logs [-f] [-t] [-n LINES] [--since TIME] NAME"; the caller frees, NULL without memory. */
char *service_usage(const struct service_command *c);
