/* What a tool that runs for us says: kept in memory, told when it fails. */
#pragma once

#include <stdbool.h>

#include "error.h"

/* A descriptor for the tool's standard error; -1 on failure. */
int toollog_open(struct error *err);
/* Why it failed, as far as it said: the message of the last line with level=fatal (programs of the containers
 * family), else the last line. NULL when it said nothing. Caller frees. */
char *toollog_reason(int fd);
/* Whether it says, in English, that the disk is full. */
bool toollog_disk_full(int fd);
