/* The command line of `service`. */
#pragma once

#include <stdbool.h>

#include "logs.h"
#include "usage.h"

struct options {
	bool quiet, verbose, started;
	const char *path, *runtime, *sock, *containerd, *namespace, *dump_spec, *format;
	struct logs_options logs;
	struct usage_top top;
	char **args; /* what follows the options */
};

enum {
	HAS_PATH = 1,
	HAS_RUNTIME = 2,
	HAS_SOCK = 4,
	HAS_CONTAINERD = 8,
	HAS_NAMESPACE = 16,
	HAS_DUMP = 32,
	HAS_LOGS = 64,
	HAS_LEVEL = 128,
	HAS_TOP = 256,
	HAS_FORMAT = 512,
	HAS_STARTED = 1024,
};

/* Options of these groups, with one dash or two, as Go programs take them, up to the first other argument. -1: what is
 * wrong has been said. */
int options_parse(int argc, char **argv, int groups, struct options *o);
