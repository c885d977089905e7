/* Words of a Dockerfile's line, the variables in them, and the beginnings of here-documents. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dockerfile_private.h"
#include "error.h"
#include "str.h"

/* ${A:-${B:-${C...}}} has a bottom. */
enum { NESTING_MAX = 16, TEXT_MAX = 65536 };

bool dockerfile_word(const char *text, char escape, size_t *at, size_t *end)
{
	size_t i = *at + strspn(text + *at, " \t");
	char quote = 0;

	*at = i;
	if (!text[i])
		return false;
	for (; text[i]; i++) {
		if (text[i] == escape && quote != '\'' && text[i + 1])
			i++;
		else if (quote)
			quote = text[i] == quote ? 0 : quote;
		else if (text[i] == '"' || text[i] == '\'')
			quote = text[i];
		else if (text[i] == ' ' || text[i] == '\t')
			break;
	}
	*end = i;
	return true;
}

int dockerfile_heredoc(const char *word, size_t len, char **name, bool *tabs)
{
	size_t i = 0, n = 0;

	while (i < len && isdigit((unsigned char)word[i]))
		i++;
	if (len - i < 3 || word[i] != '<' || word[i + 1] != '<')
		return 0;
	i += 2;
	*tabs = word[i] == '-';
	i += *tabs;
	if (i == len || memchr(word + i, '<', len - i))
		return 0;
	*name = malloc(len - i + 1);
	if (!*name)
		return -1;
	for (; i < len; i++)
		if (word[i] != '"' && word[i] != '\'')
			(*name)[n++] = word[i];
	(*name)[n] = '\0';
	if (n)
		return 1;
	free(*name);
	*name = NULL;
	return 0;
}

const char *dockerfile_variable(char *const *vars, const char *name, size_t len)
{
	const char *value = NULL;
	size_t i;

	for (i = 0; vars && vars[i]; i++)
		if (strncmp(vars[i], name, len) == 0 && vars[i][len] == '=')
			value = vars[i] + len + 1;
	return value;
}

struct expansion {
	struct buf out;
	char *const *vars;
	char escape;
	unsigned depth;
	struct error *err;
};

static int expand_text(struct expansion *x, const char *text, size_t len);

static size_t name_length(const char *text, size_t len)
{
	size_t n = 0;

	if (len && isdigit((unsigned char)*text))
		return 1;
	while (n < len && (isalnum((unsigned char)text[n]) || text[n] == '_'))
		n++;
	return n;
}

/* Where the brace that was opened in front of text closes; len: nowhere. */
static size_t brace_length(const struct expansion *x, const char *text, size_t len)
{
	size_t i, open = 1;

	for (i = 0; i < len; i++) {
		if (text[i] == x->escape && i + 1 < len)
			i++;
		else if (text[i] == '{')
			open++;
		else if (text[i] == '}' && --open == 0)
			return i;
	}
	return len;
}

/* What is inside of ${...}: NAME, NAME:-WORD, NAME-WORD, NAME:+WORD, NAME+WORD. */
static int expand_braces(struct expansion *x, const char *text, size_t len)
{
	size_t n = name_length(text, len), word;
	const char *value = n ? dockerfile_variable(x->vars, text, n) : NULL;
	bool colon = n < len && text[n] == ':', set = value && (!colon || *value);
	char how;

	if (n && n == len)
		return value ? buf_addstr(&x->out, value) : 0;
	word = n + (colon ? 2 : 1);
	how = n && word <= len ? text[word - 1] : 0;
	if (how != '-' && how != '+')
		return error_say(x->err, EINVAL,
				 "${%.*s} is not understood: ${NAME}, ${NAME:-TEXT} and ${NAME:+TEXT} are",
				 (int)(len < 60 ? len : 60), text);
	if (how == '-' && set)
		return buf_addstr(&x->out, value);
	return (how == '+') == set ? expand_text(x, text + word, len - word) : 0;
}

/* A variable at text, behind its $; how much of the text that was into *used. */
static int expand_variable(struct expansion *x, const char *text, size_t len, size_t *used)
{
	const char *value;
	size_t n;

	if (len && *text == '{') {
		n = brace_length(x, text + 1, len - 1);
		if (n == len - 1)
			return error_say(x->err, EINVAL, "${ has no }");
		*used = n + 2;
		return expand_braces(x, text + 1, n);
	}
	*used = n = name_length(text, len);
	if (!n)
		return buf_addstr(&x->out, "$");
	value = dockerfile_variable(x->vars, text, n);
	return value ? buf_addstr(&x->out, value) : 0;
}

static int expand_text(struct expansion *x, const char *text, size_t len)
{
	char quote = 0;
	size_t i = 0, used;
	int r = 0;

	if (++x->depth > NESTING_MAX)
		return error_say(x->err, EINVAL, "variables in variables in variables: no more than %d", NESTING_MAX);
	while (r == 0 && i < len) {
		if (x->out.len > TEXT_MAX)
			return error_say(x->err, EINVAL, "what variables stand for is longer than %d bytes", TEXT_MAX);
		char c = text[i++];

		if (c == x->escape && quote != '\'' && i < len) {
			r = buf_add(&x->out, text + i++, 1);
		} else if ((c == '"' || c == '\'') && (!quote || quote == c)) {
			quote = quote ? 0 : c;
		} else if (c == '$' && quote != '\'') {
			used = 0;
			r = expand_variable(x, text + i, len - i, &used);
			i += used;
		} else {
			r = buf_add(&x->out, &c, 1);
		}
	}
	x->depth--;
	return r;
}

char *dockerfile_expand(const char *word, size_t len, char escape, char *const *vars, struct error *err)
{
	_cleanup_error_ struct error why = { 0 };
	struct expansion x = { .vars = vars, .escape = escape, .err = &why };
	char *text = NULL;

	if (expand_text(&x, word, len) == 0)
		text = buf_steal_text(&x.out);
	buf_free(&x.out);
	if (text)
		return text;
	if (why.msg)
		error_move(err, &why);
	else
		error_set(err, ENOMEM, "Dockerfile");
	return NULL;
}
