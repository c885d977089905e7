#include "settings.h"

#include <errno.h>
#include <string.h>

#include "str.h"

struct reader {
	const char *at, *end;
	int line;
};

static void skip_blanks(struct reader *r)
{
	while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\r'))
		r->at++;
}

static void skip_line(struct reader *r)
{
	while (r->at < r->end && *r->at != '\n')
		r->at++;
}

/* The rest of a line may only be a comment. */
static int end_of_line(struct reader *r, struct error *err)
{
	skip_blanks(r);
	if (r->at < r->end && *r->at == '#')
		skip_line(r);
	if (r->at < r->end && *r->at != '\n')
		return error_set(err, 0, "line %d: something behind the value", r->line);
	return 0;
}

static struct setting *setting_find(struct setting *settings, size_t count, const char *key, size_t n)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (strlen(settings[i].key) == n && memcmp(settings[i].key, key, n) == 0)
			return &settings[i];
	return NULL;
}

static int escape(char c)
{
	switch (c) {
	case '\\':
	case '"':
		return c;
	case 'n':
		return '\n';
	case 't':
		return '\t';
	}
	return -1;
}

static int value_read(struct reader *r, char **out, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	size_t n = 0;
	char quote;

	if (r->at == r->end || (*r->at != '"' && *r->at != '\''))
		return error_set(err, 0, "line %d: the value is no string", r->line);
	quote = *r->at++;
	text = malloc((size_t)(r->end - r->at) + 1);
	if (!text)
		return error_set(err, ENOMEM, "line %d", r->line);
	for (; r->at < r->end && *r->at != quote && *r->at != '\n'; r->at++) {
		int c = *r->at;

		if (c == '\\' && quote == '"') {
			c = ++r->at < r->end ? escape(*r->at) : -1;
			if (c < 0)
				return error_set(err, 0, "line %d: unknown escape", r->line);
		}
		if (c == '\0')
			return error_set(err, 0, "line %d: a zero byte", r->line);
		text[n++] = (char)c;
	}
	if (r->at == r->end || *r->at != quote)
		return error_set(err, 0, "line %d: the string is not closed", r->line);
	r->at++;
	text[n] = '\0';
	*out = steal_ptr(&text);
	return 0;
}

static int line_read(struct reader *r, struct setting *settings, size_t count, struct error *err)
{
	const char *key = r->at;
	struct setting *s;
	size_t n;

	while (r->at < r->end && *r->at != '=' && *r->at != '\n')
		r->at++;
	if (r->at == r->end || *r->at == '\n')
		return error_set(err, 0, "line %d: no key = value", r->line);
	for (n = (size_t)(r->at - key); n > 0 && (key[n - 1] == ' ' || key[n - 1] == '\t'); n--)
		;
	r->at++;
	skip_blanks(r);
	s = setting_find(settings, count, key, n);
	if (!s) {
		skip_line(r);
		return 0;
	}
	if (s->value)
		return error_set(err, 0, "line %d: %s: a second time", r->line, s->key);
	return value_read(r, &s->value, err) < 0 ? -1 : end_of_line(r, err);
}

int settings_parse(const char *text, size_t n, struct setting *settings, size_t count, struct error *err)
{
	struct reader r = { .at = text, .end = text + n, .line = 1 };

	for (; r.at < r.end; r.at++, r.line++) {
		skip_blanks(&r);
		if (r.at == r.end || *r.at == '[')
			return 0;
		if (*r.at == '#')
			skip_line(&r);
		else if (*r.at != '\n' && line_read(&r, settings, count, err) < 0)
			return -1;
		if (r.at == r.end)
			return 0;
	}
	return 0;
}
