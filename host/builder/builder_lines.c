/* What builders say, line by line. Steps are told by their form: "STEP 2/4: RUN make" of buildah (in front of it "[1/2]
 * " where there are stages), "#7 [2/4] RUN make" of BuildKit. */
#include <stdlib.h>
#include <string.h>

#include "builder_private.h"
#include "str.h"

/* "12/34" at text: its length, 0: none. */
static size_t count_length(const char *text)
{
	size_t n = strspn(text, "0123456789"), m;

	if (!n || text[n] != '/')
		return 0;
	m = strspn(text + n + 1, "0123456789");
	return m ? n + 1 + m : 0;
}

char *line_step(const char *line)
{
	const char *at = line;
	size_t n;

	if (*at == '[' && (n = count_length(at + 1)) && str_starts(at + 1 + n, "] STEP "))
		at += n + 3;
	if (str_starts(at, "STEP ") && (n = count_length(at + 5)))
		return strdup(at + 5);
	if (*line != '#' || !(n = strspn(line + 1, "0123456789")) || !str_starts(line + 1 + n, " ["))
		return NULL;
	/* a stage that has a name: "#7 [build 2/4] RUN make" */
	at = line + 1 + n + 2;
	if (!count_length(at) && strcspn(at, " ") < strcspn(at, "]"))
		at += strcspn(at, " ") + 1;
	n = count_length(at);
	return n && str_starts(at + n, "] ") ? str_format("%.*s: %s", (int)n, at, at + n + 2) : NULL;
}

/* The Dockerfile's own names in the place of ours. */
static char *line_rename(const struct builder *b, const char *line)
{
	char *text = strdup(line);
	size_t i;

	for (i = b->base_count; text && i-- > 0;) {
		_cleanup_free_ char *full = str_format("localhost/%s:latest", b->bases[i].alias);
		const char *ours = full && strstr(text, full) ? full : b->bases[i].alias;
		const char *at = strstr(text, ours);
		char *other;

		if (!at)
			continue;
		other = str_format("%.*s%s%s", (int)(at - text), text, b->bases[i].shown, at + strlen(ours));
		free(text);
		text = other;
	}
	return text;
}

/* The value that is given for the variable at text, behind its $; how long the variable is into *used. */
static const char *argument_at(const struct builder *b, const char *text, size_t *used)
{
	bool braces = *text == '{';
	const char *name = text + braces;
	size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"), i;

	if (!n || (braces && name[n] != '}'))
		return NULL;
	*used = n + (braces ? 2 : 0);
	for (i = 0; b->args && b->args[i]; i++)
		if (strncmp(b->args[i], name, n) == 0 && b->args[i][n] == '=')
			return b->args[i] + n + 1;
	return NULL;
}

/* A step that runs something, with the build arguments that are given filled in, as BuildKit shows it. */
static char *line_fill(const struct builder *b, const char *line)
{
	struct buf out = { 0 };
	int failed = 0;
	char *text;

	for (; *line; line++) {
		size_t used = 0;
		const char *value = *line == '$' ? argument_at(b, line + 1, &used) : NULL;

		failed |= value ? buf_addstr(&out, value) : buf_add(&out, line, 1);
		line += value ? used : 0;
	}
	text = failed ? NULL : buf_steal_text(&out);
	buf_free(&out);
	return text;
}

char *line_translate(const struct builder *b, const char *line)
{
	_cleanup_free_ char *renamed = line_rename(b, line), *step = renamed ? line_step(renamed) : NULL;

	return step && strstr(step, " RUN ") ? line_fill(b, renamed) : steal_ptr(&renamed);
}
