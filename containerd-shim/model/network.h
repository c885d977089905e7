/* The network namespace that the runtime is called in: a container that asks for no namespace of its own gets its
 * runtime's. A sandbox sets it; without one the shim's own namespace is used. */
#pragma once

#include "error.h"

struct network {
	int fd; /* the namespace; -1: the shim's own */
	char *path;
};

/* Goes into the namespace. *back is for network_leave(), -1 for nothing to do. */
int network_enter(const struct network *n, int *back, struct error *err);
void network_leave(int back);
/* From now on there is none. */
void network_clear(struct network *n);
