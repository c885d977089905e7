/* Debian's list of installed packages. */
#include <errno.h>
#include <strings.h>

#include "stanza_private.h"

struct dpkg_stanza {
	struct found_package package;
	struct slice status;
	bool any;
};

static bool key_is(struct slice key, const char *name)
{
	return key.len == strlen(name) && strncasecmp(key.at, name, key.len) == 0;
}

/* "install ok installed": the third word is what the package is. */
static bool status_installed(struct slice status)
{
	static const char word[] = " installed";
	size_t n = sizeof(word) - 1;

	return !status.len || (status.len > n && memcmp(status.at + status.len - n, word, n) == 0);
}

static int stanza_end(struct dpkg_stanza *s, found_fn *fn, void *data, struct error *err)
{
	struct dpkg_stanza done = *s;

	*s = (struct dpkg_stanza){ .package.kind = PACKAGE_DEB };
	if (!done.any || !status_installed(done.status))
		return 0;
	return found_tell(&done.package, fn, data, err);
}

static void stanza_field(struct dpkg_stanza *s, struct slice key, struct slice value)
{
	s->any = true;
	if (key_is(key, "Package"))
		s->package.name = value;
	else if (key_is(key, "Version"))
		s->package.version = value;
	else if (key_is(key, "Architecture"))
		s->package.arch = value;
	else if (key_is(key, "Maintainer"))
		s->package.maintainer = value;
	else if (key_is(key, "Source"))
		s->package.source = value;
	else if (key_is(key, "Status"))
		s->status = value;
}

int dpkg_parse(const char *text, size_t n, found_fn *fn, void *data, struct error *err)
{
	struct slice rest = { text, n }, line;
	struct dpkg_stanza s = { .package.kind = PACKAGE_DEB };

	for (size_t number = 1; line_next(&rest, &line); number++) {
		const char *colon = memchr(line.at, ':', line.len);
		struct slice key = { line.at, colon ? (size_t)(colon - line.at) : 0 };

		if (!slice_trim(line).len) {
			if (stanza_end(&s, fn, data, err) < 0)
				return error_wrap(err, "in front of line %zu", number);
			continue;
		}
		if (line.at[0] == ' ' || line.at[0] == '\t' || line.at[0] == '#')
			continue; /* goes on with the field before */
		if (!key.len)
			return error_say(err, EINVAL, "line %zu is no field", number);
		stanza_field(&s, key, slice_trim((struct slice){ colon + 1, line.len - key.len - 1 }));
	}
	return stanza_end(&s, fn, data, err);
}
