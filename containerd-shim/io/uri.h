/* Where a process's output goes: a path, or a URI with one of the schemes that containerd knows
 * (docs/runtime-v2.md of containerd, "Logging"). */
#pragma once

#include "error.h"

enum uri_scheme {
	URI_PATH,      /* no scheme, or fifo: a fifo, or else a file that is there */
	URI_FILE,      /* a file, made if it is missing, appended to */
	URI_BINARY,    /* a program that is given the output; closing its third descriptor makes it ready */
	URI_BINARY_V2, /* the same, ready when it wrote a byte there */
};

struct uri {
	enum uri_scheme scheme;
	char *path;
	char **args; /* of a program: each key and value of the query in turn. NULL: none */
};

#define _cleanup_uri_ _cleanup_(uri_clear)
void uri_clear(struct uri *u);

/* EINVAL: an unknown scheme, a path that is not absolute, a bad escape. */
int uri_parse(const char *text, struct uri *out, struct error *err);
