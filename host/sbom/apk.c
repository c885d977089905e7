/* Alpine's list of installed packages. */
#include <errno.h>

#include "stanza_private.h"

static void apk_field(struct found_package *p, char key, struct slice value)
{
	switch (key) {
	case 'P':
		p->name = value;
		break;
	case 'V':
		p->version = value;
		break;
	case 'A':
		p->arch = value;
		break;
	case 'L':
		p->licence = value;
		break;
	case 'm':
		p->maintainer = value;
		break;
	case 'o':
		p->source = value;
		break;
	default:
		break; /* files, sums, dependencies */
	}
}

int apk_parse(const char *text, size_t n, found_fn *fn, void *data, struct error *err)
{
	static const struct found_package none = { .kind = PACKAGE_APK };
	struct slice rest = { text, n }, line;
	struct found_package p = none;
	bool any = false;
	size_t number;

	for (number = 1; line_next(&rest, &line); number++) {
		if (!slice_trim(line).len) {
			if (any && found_tell(&p, fn, data, err) < 0)
				return error_wrap(err, "in front of line %zu", number);
			p = none;
			any = false;
			continue;
		}
		if (line.len < 2 || line.at[1] != ':')
			return error_say(err, EINVAL, "line %zu is no field", number);
		apk_field(&p, line.at[0], slice_trim((struct slice){ line.at + 2, line.len - 2 }));
		any = true;
	}
	if (any && found_tell(&p, fn, data, err) < 0)
		return error_wrap(err, "at the end");
	return 0;
}
