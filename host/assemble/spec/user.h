/* The user that an image asks for (USER of a Dockerfile), as numbers.
 *
 * "USER[:GROUP]", names or numbers; names are those of the image's own etc/passwd and etc/group, and a number that has
 * an entry there brings its group, as Docker has it. Without a group the user is in those that list it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

/* At most so many further groups. */
#define USER_GROUPS 64

struct image_user {
	uint32_t uid, gid;
	uint32_t groups[USER_GROUPS];
	size_t group_count;
};

/* Text of a file of the image; NULL: it has none. */
struct user_file {
	const char *text;
	size_t len;
};

/* -1: a name that has no entry, a number that is none, too many groups. */
int user_resolve(const char *user, struct user_file passwd, struct user_file group, struct image_user *out,
		 struct error *err);

/* Whether the text asks for root, or is empty. */
bool user_is_root(const char *user);
