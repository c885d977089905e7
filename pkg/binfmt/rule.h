/* Lines of binfmt.d(5) files, as the kernel takes them (Documentation/admin-guide/binfmt-misc.rst):
 * ":NAME:TYPE:OFFSET:MAGIC:MASK:INTERPRETER:FLAGS", with any character in the place of ':' . */
#pragma once

#include <stddef.h>

#include "error.h"

enum {
	RULE_MAX = 1920, /* bytes of a line: the kernel's own bound */
	RULE_NAME_MAX = 255,
};

struct rule {
	char name[RULE_NAME_MAX + 1]; /* the file of the rule below binfmt_misc */
	char text[RULE_MAX + 1];      /* all of it */
	size_t len;
};

/* Parses one line of n bytes. 1: a rule; 0: an empty line or a comment ('#' or ';'); -1. The kernel looks at everything
 * but the name, which is checked here: it becomes part of a path. */
int rule_parse(const char *line, size_t n, struct rule *out, struct error *err);
