/* The parts of the reader of Dockerfiles.
 *
 *   dockerfile.c         instructions and what they mean
 *   dockerfile_lines.c   lines as they are meant: continued ones joined, comments and here-documents left out
 *   dockerfile_words.c   words of a line, and variables in them */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"

/* A line as it is meant, NUL-terminated, and where in the file each of its bytes stands. */
struct dockerfile_line {
	struct buf text;
	size_t *from;
	size_t from_cap;
	unsigned number; /* of its first line in the file */
	bool heredoc;    /* a here-document followed it */
};

struct dockerfile_reader {
	const char *text;
	size_t len, at;
	unsigned number;
	char escape; /* '\\', or '`' where a directive says so */
};

/* Takes the directives at the file's beginning. */
void dockerfile_reader_begin(struct dockerfile_reader *r, const char *text, size_t len);
/* 1: a line, 0: the end, -1: no memory. */
int dockerfile_reader_next(struct dockerfile_reader *r, struct dockerfile_line *line);
void dockerfile_line_clear(struct dockerfile_line *line);

/* The next word of `text` from *at on: parted by blanks outside of quotes. False: there is none. *end is behind it. */
bool dockerfile_word(const char *text, char escape, size_t *at, size_t *end);
/* Whether a word begins a here-document, as <<EOF, 3<<-"EOF". name (to be freed): what ends it. -1 without memory. */
int dockerfile_heredoc(const char *word, size_t len, char **name, bool *tabs);

/* A word with its variables filled in and its quotes taken off. vars: NAME=VALUE, the last of a name counts. Caller
 * frees; NULL with an error (of a form that is not known). */
char *dockerfile_expand(const char *word, size_t len, char escape, char *const *vars, struct error *err);
/* The value of a variable; NULL: it is not set. */
const char *dockerfile_variable(char *const *vars, const char *name, size_t len);
