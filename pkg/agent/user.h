/* Users of a container, by its own files (passwd(5), group(5)). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

enum { USER_GROUPS = 64, USER_FILE_MAX = 1 << 20 };

struct user {
	uint32_t uid, gid;
	uint32_t groups[USER_GROUPS]; /* further ones */
	size_t group_count;
	char home[256]; /* "" where it is not known */
};

/* "NAME", "NAME:GROUP", or numbers in their place. A name has to be in the texts; a number need not be. A user without
 * a group given gets the one of passwd (0 for an unknown number) and those groups that list him. The texts are the
 * files' contents, "" where there are none. */
int user_parse(const char *spec, const char *passwd, const char *group, struct user *out, struct error *err);

/* The same by the files in the root of process `pid`. Links in there lead nowhere else. */
int user_find(int pid, const char *spec, struct user *out, struct error *err);
