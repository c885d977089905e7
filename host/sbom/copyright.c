/* Licences of a Debian package, from its copyright file. */
#include <stdlib.h>
#include <strings.h>

#include "buf.h"
#include "cleanup.h"
#include "licence_private.h"
#include "stanza_private.h"
#include "str.h"

enum { LICENCES_MAX = 100 };

static bool line_field(struct slice line, const char *key, struct slice *value)
{
	size_t n = strlen(key);

	if (line.len <= n || strncasecmp(line.at, key, n) != 0 || line.at[n] != ':')
		return false;
	*value = slice_trim((struct slice){ line.at + n + 1, line.len - n - 1 });
	return true;
}

static int licence_note(struct slice text, struct licence_refs *refs, char ***all)
{
	_cleanup_free_ char *one = NULL;

	if (!text.len || strv_len(*all) >= LICENCES_MAX)
		return 0;
	if (licence_expression(text, refs, &one) < 0)
		return -1;
	return !one || (*all && strv_has(*all, one)) ? 0 : strv_add(all, one);
}

/* "License: NAME", also in paragraphs that only hold a licence's text. */
static int fields_read(struct slice rest, struct licence_refs *refs, char ***all)
{
	struct slice line, value;

	while (line_next(&rest, &line))
		if (line_field(line, "License", &value) && licence_note(value, refs, all) < 0)
			return -1;
	return 0;
}

/* A text that tells where the licence is. Which versions it allows stands in its prose: the file's own name is all that
 * is known. */
static int mentions_read(struct slice rest, struct licence_refs *refs, char ***all)
{
	static const char dir[] = "/usr/share/common-licenses/";
	size_t n = sizeof(dir) - 1;

	while (rest.len > n) {
		const char *found = memmem(rest.at, rest.len, dir, n);
		_cleanup_free_ char *text = NULL;
		size_t len = 0;

		if (!found)
			return 0;
		rest.len -= (size_t)(found + n - rest.at);
		rest.at = found + n;
		while (len < rest.len && len < 40 &&
		       strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-", rest.at[len]) &&
		       rest.at[len])
			len++;
		while (len && strchr(".-", rest.at[len - 1]))
			len--;
		if (!len)
			continue;
		text = str_format("LicenseRef-common-licenses-%.*s", (int)len, rest.at);
		if (!text || licence_note((struct slice){ text, strlen(text) }, refs, all) < 0)
			return -1;
	}
	return 0;
}

int copyright_expression(const char *text, size_t n, struct licence_refs *refs, char **out)
{
	struct slice all = { text, n }, rest = all, line, value;
	_cleanup_strv_ char **found = NULL;
	_cleanup_buf_ struct buf joined = { 0 };
	bool machine = line_next(&rest, &line) && line_field(line, "Format", &value);

	*out = NULL;
	if ((machine ? fields_read : mentions_read)(all, refs, &found) < 0)
		return -1;
	if (!found)
		return 0;
	strv_sort(found);
	for (size_t i = 0; found[i]; i++) {
		bool either = strstr(found[i], " OR ") && found[1];

		if ((i && buf_addstr(&joined, " AND ") < 0) || buf_addf(&joined, either ? "(%s)" : "%s", found[i]) < 0)
			return -1;
	}
	*out = buf_steal_text(&joined);
	return *out ? 0 : -1;
}
