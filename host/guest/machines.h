/* The machines of this user that run, wherever their state directories are. Nothing is kept about them anywhere: the
 * process that runs a machine has its directory's lock open, which /proc shows. */
#pragma once

#include "error.h"

/* A table on standard output: the name by which commands take it, process, seconds since its start. */
int machines_list(struct error *err);
