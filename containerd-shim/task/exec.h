/* The description of an added process, for the runtime. */
#pragma once

#include "error.h"

struct process;

/* A file without a name that holds it, with the terminal that the request asked for. -1 on failure. */
int exec_spec_file(const struct process *p, struct error *err);
