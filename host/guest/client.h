/* One command in a machine, from its start to its exit status: standard streams, terminal and signals of this process
 * become the command's.
 *
 *   connecting --request--> asking --STARTED--> running --EXITED--> writing what is left --> end
 *       ^                      |
 *       +----- a pause --------+  the connection ends without a word: the agent is not there yet, as long as the
 *                                 machine boots */
#pragma once

#include <stdbool.h>

#include "agent.h"
#include "error.h"

struct client_command {
	struct agent_request request;
	bool input;        /* standard input is the command's too */
	bool silent;       /* what it writes is not shown */
	unsigned patience; /* seconds for a machine that boots; 0: place_patience() */
};

/* Runs it in the machine with this state directory. The command's exit status (128 + signal when this process was told
 * to end and did), or -1. What the agent says about a command that cannot be run is in err, and *status then has 126,
 * 127 or 1. */
int client_run(const char *dir, const struct client_command *command, int *status, struct error *err);
