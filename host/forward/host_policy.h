/* What may be opened on the host. What a guest asks for is held to what it may have (allow.h). Socket files are made in
 * the state directory alone, by its user's wish alone. */
#pragma once

#include "allow.h"
#include "forwards.h"

/* forwards.data with this policy. */
struct host_policy {
	const struct allow *allow;
	const char *dir; /* the state directory's path */
	int state;       /* and the directory itself */
};

extern const struct forwards_policy host_policy;
