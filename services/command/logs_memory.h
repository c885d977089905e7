/* Logs that the memory log daemon has. */
#pragma once

#include "logs.h"

/* A connection to it; -1: none runs. */
int logs_memory_connect(void);
/* 1: it has some of that name (as logs_show() takes it), 0: it has none, and nothing was written. */
int logs_memory_show(int fd, const char *name, const struct logs_options *o, struct error *err);
