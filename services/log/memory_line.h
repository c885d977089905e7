/* What the memory log daemon answers: a line {"time": ..., "source": NAME or NAME.out, "msg": TEXT} for each message.
 */
#pragma once

#include <stddef.h>

struct memory_line {
	char *time; /* NULL: none */
	char *msg;
};

/* 1: the line is of that service, and in *out, which memory_line_clear() frees; 0: it is of another one, or broken. */
int memory_line_parse(const char *line, size_t n, const char *name, struct memory_line *out);
void memory_line_clear(struct memory_line *l);
