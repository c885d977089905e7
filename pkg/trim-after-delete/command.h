/* The command, one run at a time. */
#pragma once

#include <stdbool.h>

#include "loop.h"

struct command {
	struct loop *loop;
	char **argv;
	char *words; /* the same, for messages */
	/* private */
	struct loop_child child;
	bool running, again; /* it is to run once more */
};

/* Runs it, or once more when the run that is under way has ended, however often that is asked for. */
void command_run(struct command *c);
