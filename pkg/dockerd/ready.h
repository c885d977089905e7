/* Whether dockerd serves: it listens long before. */
#pragma once

#include "error.h"

/* Asks the socket for /_ping. 0: it serves; -1: nobody listens, or the answer is another one. Waits for the answer. */
int ready_ask(const char *socket_path, struct error *err);
