/* A program without commands: its name, its options, and what is said about them. */
#pragma once

#include "option.h"

struct program {
	const char *name;
	const char *words; /* what may follow the options, as help calls it; NULL: nothing may */
	const char *text;  /* what it does, in paragraphs */
	const struct option *options;
	bool letters_cluster; /* -fd is -f -d */
	int misuse;           /* the exit status for a command line that makes no sense; 0: 2 */
};

/* For main(): parses the options into data and moves the words to argv[1], or prints help, or what is wrong. -1: go on;
 * else the exit status. */
int program_line(const struct program *p, char **argv, void *data);
