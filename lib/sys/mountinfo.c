#include "mountinfo.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "str.h"

/* Backslash and three octal digits stand for a blank, tab, newline or backslash. */
static void unescape(char *s)
{
	char *to = s;

	while (*s) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' && s[3] >= '0' &&
		    s[3] <= '7') {
			*to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 4;
		} else {
			*to++ = *s++;
		}
	}
	*to = '\0';
}

static char *field(char **rest)
{
	return strtok_r(NULL, " \n", rest);
}

int mountinfo_parse(char *line, struct mountinfo *out)
{
	char *rest = line, *id = strtok_r(line, " \n", &rest), *parent = field(&rest), *device = field(&rest),
	     *optional;

	*out = (struct mountinfo){ 0 };
	out->root = field(&rest);
	out->target = field(&rest);
	out->options = field(&rest);
	/* any number of fields such as "shared:1", up to a dash */
	do
		optional = field(&rest);
	while (optional && !str_eq(optional, "-"));
	out->type = field(&rest);
	out->source = field(&rest);
	out->super = field(&rest);
	if (!id || !parent || !device || !out->source || str_to_u64(id, UINT64_MAX, &out->id) < 0 ||
	    str_to_u64(parent, UINT64_MAX, &out->parent) < 0) {
		errno = EINVAL;
		return -1;
	}
	if (!out->super) {
		/* a file system may show an empty source, which leaves a field less */
		out->super = out->source;
		out->source = out->source + strlen(out->source);
	}
	unescape(out->root);
	unescape(out->target);
	unescape(out->source);
	return 0;
}
