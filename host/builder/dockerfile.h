/* What pith has to know of a Dockerfile before a builder runs it: which images it takes from outside, which build
 * arguments it looks at, and what it asks for that not every builder can do. The builder does the rest.
 *
 * Read as BuildKit reads it (https://docs.docker.com/reference/dockerfile/): directives, continued lines, comments
 * inside of them, here-documents, variables in FROM. No input or output: a function from bytes to a struct. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "error.h"
#include "platform.h"

/* An image of elsewhere that FROM, COPY --from or RUN --mount=from= names. */
struct dockerfile_image {
	char *name; /* with variables filled in */
	struct platform platform;
	size_t at, len; /* where the file names it, in bytes */
	unsigned line;
};

struct dockerfile {
	struct dockerfile_image *images; /* in the file's order; one that is named twice is there twice */
	size_t image_count;
	char **args;      /* names that ARG declares; NULL: none */
	unsigned heredoc; /* line of the first here-document; 0: there is none */
	char *download;   /* what the first ADD from the network names; NULL: none does that */
	unsigned download_line;
	bool download_git; /* some ADD names a git repository */
	unsigned git_line;
};
#define _cleanup_dockerfile_ _cleanup_(dockerfile_clear)

struct dockerfile_question {
	const char *name;  /* of the file, for errors: "pkg/x/Dockerfile" */
	char *const *args; /* build arguments, NAME=VALUE; NULL: none */
	struct platform target, build;
};

/* Errors name file and line. */
int dockerfile_parse(const char *text, size_t len, const struct dockerfile_question *q, struct dockerfile *out,
		     struct error *err);
void dockerfile_clear(struct dockerfile *d);

/* The file with other names for its images, one each; lines stay where they are. Caller frees; NULL without memory. */
char *dockerfile_rename(const char *text, size_t len, const struct dockerfile *d, char *const *names);
