/* Lines of /proc/self/mountinfo, proc_pid_mountinfo(5). */
#pragma once

#include <stdint.h>

struct mountinfo {
	uint64_t id, parent;
	char *root; /* of the mount within its file system */
	char *target;
	char *options; /* of the mount */
	char *type;
	char *source;
	char *super; /* options of the file system */
};

/* One line, which is taken apart in place: blanks become NUL, escaped characters (\040) what they stand for; `out`
 * points into it. 0, or -1 with errno EINVAL. */
int mountinfo_parse(char *line, struct mountinfo *out);
