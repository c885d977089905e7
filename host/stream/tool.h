/* Running a tool that makes an image, and telling what it said when it fails. A tool that is missing is named with its
 * Debian package. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "error.h"

/* The image is written through a descriptor of ours, so that it has no name while it is incomplete; what it is made of
 * is read the same way. */
#define IMAGE_FD    3
#define IMAGE_PATH  "/proc/self/fd/3"
#define SOURCE_FD   4
#define SOURCE_PATH "/proc/self/fd/4"

struct tool {
	const char *package; /* Debian's, for a message */
	char *const *argv;
	int image;         /* descriptor of the image, -1: none */
	const int *source; /* descriptor of what the image is made of, NULL: none */
	int64_t *epoch;    /* build time for the tool, NULL: none */
};

/* Starts a tool with its messages going into *log, for tool_finish() to tell of. input: its standard input, -1: none.
 */
pid_t tool_start(const struct tool *tool, int input, int *log, struct error *err);
/* Waits for it. -1 with what it said last when it has failed. */
int tool_finish(const struct tool *tool, pid_t pid, int log, struct error *err);
/* Both, without input. */
int tool_run(const struct tool *tool, struct error *err);
/* A file that one of the tools comes with is there; else its package is named. */
int tool_file(const char *path, const char *package, struct error *err);
