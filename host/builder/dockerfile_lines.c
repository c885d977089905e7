/* Lines of a Dockerfile as they are meant. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "dockerfile_private.h"
#include "str.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* A line of the file without its end; moves on to the next one. */
static bool reader_take(struct dockerfile_reader *r, const char **line, size_t *len)
{
	const char *end;

	if (r->at >= r->len)
		return false;
	*line = r->text + r->at;
	end = memchr(*line, '\n', r->len - r->at);
	*len = end ? (size_t)(end - *line) : r->len - r->at;
	r->at += *len + (end ? 1 : 0);
	r->number++;
	if (*len && (*line)[*len - 1] == '\r')
		--*len;
	return true;
}

static size_t skip_blanks(const char *line, size_t len)
{
	size_t i = 0;

	while (i < len && is_blank(line[i]))
		i++;
	return i;
}

/* "# escape=`": the value's first byte; 0: another directive, -1: no directive. */
static int directive_escape(const char *line, size_t len)
{
	size_t i = skip_blanks(line, len), key, end;

	if (i == len || line[i] != '#')
		return -1;
	i++;
	key = i += skip_blanks(line + i, len - i);
	while (i < len && (isalnum((unsigned char)line[i]) || line[i] == '-' || line[i] == '_'))
		i++;
	end = i;
	i += skip_blanks(line + i, len - i);
	if (end == key || i == len || line[i] != '=')
		return -1;
	i++;
	i += skip_blanks(line + i, len - i);
	if (i == len || end - key != 6 || strncasecmp(line + key, "escape", 6) != 0)
		return 0;
	return line[i] == '`' || line[i] == '\\' ? line[i] : 0;
}

void dockerfile_reader_begin(struct dockerfile_reader *r, const char *text, size_t len)
{
	const char *line;
	size_t n;
	int escape;

	*r = (struct dockerfile_reader){ .text = text, .len = len, .escape = '\\' };
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		r->at = 3;
	for (;;) {
		struct dockerfile_reader before = *r;

		escape = reader_take(r, &line, &n) ? directive_escape(line, n) : -1;
		if (escape < 0) {
			*r = before;
			return;
		}
		if (escape)
			r->escape = (char)escape;
	}
}

static int line_add(struct dockerfile_line *line, const struct dockerfile_reader *r, const char *text, size_t len)
{
	size_t at = line->text.len, i;

	if (at + len > line->from_cap) {
		size_t cap = 2 * (at + len) + 64;
		size_t *grown = reallocarray(line->from, cap, sizeof(*grown));

		if (!grown)
			return -1;
		line->from = grown;
		line->from_cap = cap;
	}
	for (i = 0; i < len; i++)
		line->from[at + i] = (size_t)(text - r->text) + i;
	return buf_add(&line->text, text, len);
}

/* The length without an escape at its end that continues it; false: it is not continued. */
static bool line_continues(const struct dockerfile_reader *r, const char *line, size_t *len)
{
	size_t n = *len;

	while (n && is_blank(line[n - 1]))
		n--;
	if (!n || line[n - 1] != r->escape || (n > 1 && line[n - 2] == r->escape))
		return false;
	*len = n - 1;
	return true;
}

/* Whether a line of the file ends a here-document. */
static bool heredoc_ends(const char *line, size_t len, const char *name, bool tabs)
{
	while (tabs && len && *line == '\t') {
		line++;
		len--;
	}
	return len == strlen(name) && memcmp(line, name, len) == 0;
}

static void reader_skip_heredoc(struct dockerfile_reader *r, const char *name, bool tabs)
{
	const char *line;
	size_t len;

	while (reader_take(r, &line, &len))
		if (heredoc_ends(line, len, name, tabs))
			return;
}

static bool takes_heredocs(const char *text)
{
	static const char *const names[] = { "RUN", "COPY", "ADD" };
	size_t n, i;

	if (strncasecmp(text, "ONBUILD", 7) == 0 && is_blank(text[7]))
		text += 7 + strspn(text + 7, " \t");
	n = strcspn(text, " \t");
	for (i = 0; i < array_len(names); i++)
		if (n == strlen(names[i]) && strncasecmp(text, names[i], n) == 0)
			return true;
	return false;
}

/* Here-documents stand behind the whole line that begins them, in its order. */
static int line_skip_heredocs(struct dockerfile_reader *r, struct dockerfile_line *line)
{
	const char *text = buf_text(&line->text);
	size_t at = 0, end;

	line->heredoc = false;
	if (!takes_heredocs(text))
		return 0;
	for (; dockerfile_word(text, r->escape, &at, &end); at = end) {
		_cleanup_free_ char *name = NULL;
		bool tabs;
		int found = dockerfile_heredoc(text + at, end - at, &name, &tabs);

		if (found < 0)
			return -1;
		if (!found)
			continue;
		line->heredoc = true;
		reader_skip_heredoc(r, name, tabs);
	}
	return 0;
}

int dockerfile_reader_next(struct dockerfile_reader *r, struct dockerfile_line *line)
{
	bool more = false;
	const char *text;
	size_t len, skip;

	buf_clear(&line->text);
	while (reader_take(r, &text, &len)) {
		skip = skip_blanks(text, len);
		/* comments and empty lines count for nothing inside of a continued line, too */
		if (skip == len || text[skip] == '#')
			continue;
		if (!more) {
			line->number = r->number;
			text += skip;
			len -= skip;
		}
		more = line_continues(r, text, &len);
		if (line_add(line, r, text, len) < 0)
			return -1;
		if (!more)
			break;
	}
	if (!line->text.len)
		return 0;
	return line_skip_heredocs(r, line) < 0 ? -1 : 1;
}

void dockerfile_line_clear(struct dockerfile_line *line)
{
	buf_free(&line->text);
	free(line->from);
	*line = (struct dockerfile_line){ 0 };
}
