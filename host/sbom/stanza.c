/* Lines, and what makes a package whole. */
#include "stanza_private.h"

#include <errno.h>

bool line_next(struct slice *rest, struct slice *line)
{
	const char *end;

	if (!rest->len)
		return false;
	end = memchr(rest->at, '\n', rest->len);
	line->at = rest->at;
	line->len = end ? (size_t)(end - rest->at) : rest->len;
	rest->at += line->len + (end != NULL);
	rest->len -= line->len + (end != NULL);
	return true;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

struct slice slice_trim(struct slice s)
{
	while (s.len && is_blank(s.at[0])) {
		s.at++;
		s.len--;
	}
	while (s.len && is_blank(s.at[s.len - 1]))
		s.len--;
	return s;
}

static struct slice slice_bounded(struct slice s)
{
	return s.len <= FOUND_TEXT_MAX ? s : (struct slice){ "", 0 };
}

/* A name or version has neither blanks nor control characters, whoever makes packages. */
static int field_check(struct slice s, const char *what, struct error *err)
{
	if (!s.len)
		return error_say(err, EINVAL, "a package without %s", what);
	if (s.len > FOUND_TEXT_MAX)
		return error_say(err, EINVAL, "a package with a %s of %zu bytes", what, s.len);
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.at[i] <= ' ' || s.at[i] == 0x7f)
			return error_say(err, EINVAL, "a package with a blank or control character in its %s", what);
	return 0;
}

int found_tell(const struct found_package *p, found_fn *fn, void *data, struct error *err)
{
	struct found_package whole = *p;

	if (field_check(p->name, "name", err) < 0 || field_check(p->version, "version", err) < 0)
		return -1;
	whole.arch = slice_bounded(p->arch);
	whole.licence = slice_bounded(p->licence);
	whole.maintainer = slice_bounded(p->maintainer);
	whole.source = slice_bounded(p->source);
	return fn(data, &whole, err);
}
