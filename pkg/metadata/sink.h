/* Where the files go that userdata describes: a reader of userdata makes none itself, so that it can be tested without
 * a file system. Paths are relative to /run/config, and path_join() has made them: none climbs. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "error.h"

enum {
	SINK_PATH_MAX = 1024,      /* bytes of a path, with its NUL */
	SINK_ENTRIES_MAX = 100000, /* of one userdata; the rest is left out */
};

#define SINK_ROOT ((uid_t)0)

struct sink_file {
	const char *path;
	mode_t mode; /* permission bits */
	uid_t uid;
	gid_t gid;
	bool append; /* to what an earlier entry wrote there */
	const void *data;
	size_t n;
};

struct sink {
	int (*file)(void *data, const struct sink_file *file, struct error *err);
	int (*dir)(void *data, const char *path, mode_t mode, struct error *err);
	/* What is left out, and why; what: its name as the userdata has it. */
	void (*say)(void *data, const char *what, const char *why);
	void *data;
};

/* The path of `name` in `dir` ("": the top). name may have several components. -1 with an error that says why not: it
 * is empty, absolute, has a component ".", ".." or one that is empty or too long, or begins with what the program keeps
 * there itself. */
int path_join(char out[SINK_PATH_MAX], const char *dir, const char *name, struct error *err);

/* Octal permission bits, "0644"; beyond 0777 they are taken off. */
int mode_parse(const char *text, mode_t *out, struct error *err);
