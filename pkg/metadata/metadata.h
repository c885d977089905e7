/* metadata: what the parts of the program share that none of them is. */
#pragma once

#include "error.h"

/* No new privileges, and only the system calls of its work, from here on. */
int confine(struct error *err);
