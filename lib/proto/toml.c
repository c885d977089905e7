#include "toml.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "str.h"

struct toml toml_begin(const char *text, size_t n)
{
	const char *at = n > 0 ? text : ""; /* of an empty buffer there is none */

	return (struct toml){ .at = at, .end = at + n, .line = 1 };
}

void toml_clear(struct toml *t)
{
	free(t->table);
	*t = (struct toml){ 0 };
}

void toml_entry_clear(struct toml_entry *e)
{
	free(e->key);
	free(e->text);
	*e = (struct toml_entry){ 0 };
}

static int toml_refuse(const struct toml *t, const char *what, struct error *err)
{
	return error_say(err, EINVAL, "line %u: %s", t->line, what);
}

static int no_memory(struct error *err)
{
	return error_set(err, ENOMEM, "configuration");
}

/* --- the text ----------------------------------------------------------------------------------------------------- */

/* '\0' at the end: a byte 0 in the text is nowhere legal. */
static char char_peek(const struct toml *t, size_t ahead)
{
	return (size_t)(t->end - t->at) > ahead ? t->at[ahead] : '\0';
}

static bool token_take(struct toml *t, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(t->end - t->at) < n || memcmp(t->at, word, n) != 0)
		return false;
	t->at += n;
	return true;
}

static void blanks_skip(struct toml *t)
{
	while (char_peek(t, 0) == ' ' || char_peek(t, 0) == '\t')
		t->at++;
}

static bool newline_take(struct toml *t)
{
	if (!token_take(t, "\n") && !token_take(t, "\r\n"))
		return false;
	t->line++;
	return true;
}

static bool is_control(char c)
{
	return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7f;
}

/* A comment and the end of the line, or of the text. */
static int line_end(struct toml *t, struct error *err)
{
	blanks_skip(t);
	if (token_take(t, "#"))
		while (t->at < t->end && !is_control(*t->at))
			t->at++;
	if (t->at == t->end || newline_take(t))
		return 0;
	return toml_refuse(t, "there is something behind the value", err);
}

/* Between the elements of an array. */
static int lines_skip(struct toml *t, struct error *err)
{
	for (;;) {
		blanks_skip(t);
		if (char_peek(t, 0) == '#') {
			if (line_end(t, err) < 0)
				return -1;
		} else if (!newline_take(t)) {
			return 0;
		}
	}
}

/* --- strings ------------------------------------------------------------------------------------------------------ */

static int utf8_add(struct buf *out, uint32_t c)
{
	uint8_t bytes[4];
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const uint8_t first[] = { 0, 0, 0xc0, 0xe0, 0xf0 };

	for (size_t i = n; i-- > 1; c >>= 6)
		bytes[i] = (uint8_t)(0x80 | (c & 0x3f));
	bytes[0] = (uint8_t)(first[n] | c);
	return buf_add(out, bytes, n);
}

static int code_point(struct toml *t, size_t digits, struct buf *out, struct error *err)
{
	uint32_t c = 0;

	for (size_t i = 0; i < digits; i++) {
		static const char hex[] = "0123456789abcdef";
		char digit = char_peek(t, 0);
		const char *at = digit ? strchr(hex, digit >= 'A' && digit <= 'F' ? digit | 0x20 : digit) : NULL;

		if (!at)
			return toml_refuse(t, "an escape with too few digits", err);
		c = c << 4 | (uint32_t)(at - hex);
		t->at++;
	}
	if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return toml_refuse(t, "an escape that is no character", err);
	return utf8_add(out, c) < 0 ? no_memory(err) : 0;
}

/* Behind the backslash. */
static int escape_parse(struct toml *t, bool lines, struct buf *out, struct error *err)
{
	static const char names[] = "btnfr\"\\", values[] = "\b\t\n\f\r\"\\";
	const char *name = char_peek(t, 0) ? strchr(names, char_peek(t, 0)) : NULL;

	if (name) {
		t->at++;
		return buf_add(out, &values[name - names], 1) < 0 ? no_memory(err) : 0;
	}
	if (token_take(t, "u"))
		return code_point(t, 4, out, err);
	if (token_take(t, "U"))
		return code_point(t, 8, out, err);
	if (lines) {
		/* At the end of a line: that and all blanks before the next text are left out. */
		blanks_skip(t);
		if (newline_take(t)) {
			do
				blanks_skip(t);
			while (newline_take(t));
			return 0;
		}
	}
	return toml_refuse(t, "an unknown escape", err);
}

/* Three quotation marks end it, and one or two more in front of those are text. */
static bool lines_end(struct toml *t, const char *mark, struct buf *out, bool *memory)
{
	size_t n = 0;

	while (n < 5 && char_peek(t, n) == *mark)
		n++;
	if (n < 3)
		return false;
	*memory = buf_add(out, mark, n - 3) == 0;
	t->at += n;
	return true;
}

/* mark: the quotation mark, three of them where lines may end inside. */
static int string_parse(struct toml *t, const char *mark, bool escapes, struct buf *out, struct error *err)
{
	bool lines = mark[1] != '\0', memory = true;

	if (lines)
		newline_take(t);
	while (t->at < t->end) {
		const char *from = t->at;

		if (lines ? lines_end(t, mark, out, &memory) : token_take(t, mark))
			return memory ? 0 : no_memory(err);
		if (escapes && token_take(t, "\\")) {
			if (escape_parse(t, lines, out, err) < 0)
				return -1;
			continue;
		}
		if (!(lines && newline_take(t))) {
			if (is_control(*t->at))
				break;
			t->at++;
		}
		if (buf_add(out, from, (size_t)(t->at - from)) < 0)
			return no_memory(err);
	}
	return toml_refuse(t, "a string without its end, or with a control character", err);
}

/* 1: a string; 0: something else. */
static int string_take(struct toml *t, bool lines, struct buf *out, struct error *err)
{
	static const char *const marks[] = { "\"\"\"", "'''", "\"", "'" };

	for (size_t i = lines ? 0 : 2; i < array_len(marks); i++)
		if (token_take(t, marks[i]))
			return string_parse(t, marks[i], *marks[i] == '"', out, err) < 0 ? -1 : 1;
	return 0;
}

/* --- keys --------------------------------------------------------------------------------------------------------- */

static bool is_bare(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static int key_part(struct toml *t, struct buf *out, struct error *err)
{
	const char *from = t->at;
	int r = string_take(t, false, out, err);

	if (r != 0)
		return r < 0 ? -1 : 0;
	while (is_bare(char_peek(t, 0)))
		t->at++;
	if (t->at == from)
		return toml_refuse(t, "a key is expected", err);
	return buf_add(out, from, (size_t)(t->at - from)) < 0 ? no_memory(err) : 0;
}

static int key_take(struct toml *t, struct buf *out, struct error *err)
{
	for (;;) {
		blanks_skip(t);
		if (key_part(t, out, err) < 0)
			return -1;
		blanks_skip(t);
		if (!token_take(t, "."))
			return 0;
		if (buf_addstr(out, ".") < 0)
			return no_memory(err);
	}
}

/* Behind its first bracket. */
static int header_parse(struct toml *t, struct error *err)
{
	_cleanup_buf_ struct buf name = { 0 };
	bool twice = token_take(t, "[");

	if (key_take(t, &name, err) < 0)
		return -1;
	if (!token_take(t, twice ? "]]" : "]"))
		return toml_refuse(t, "a table's name without its bracket", err);
	free(t->table);
	t->table = buf_addstr(&name, ".") < 0 ? NULL : buf_steal_text(&name);
	return t->table ? line_end(t, err) : no_memory(err);
}

/* --- values ------------------------------------------------------------------------------------------------------- */

static int value_take(struct toml *t, unsigned depth, struct toml_entry *e, struct error *err);

static int array_skip(struct toml *t, unsigned depth, struct error *err)
{
	for (bool first = true;; first = false) {
		_cleanup_toml_entry_ struct toml_entry element = { 0 };

		if (lines_skip(t, err) < 0)
			return -1;
		if (token_take(t, "]"))
			return 0;
		if (!first && !token_take(t, ","))
			return toml_refuse(t, "an array without its end", err);
		if (lines_skip(t, err) < 0)
			return -1;
		if (!first && token_take(t, "]"))
			return 0;
		if (value_take(t, depth + 1, &element, err) < 0)
			return -1;
	}
}

static int inline_table_skip(struct toml *t, unsigned depth, struct error *err)
{
	for (bool first = true;; first = false) {
		_cleanup_toml_entry_ struct toml_entry member = { 0 };
		_cleanup_buf_ struct buf key = { 0 };

		blanks_skip(t);
		if (token_take(t, "}"))
			return 0;
		if (!first && !token_take(t, ","))
			return toml_refuse(t, "an inline table without its end", err);
		if (key_take(t, &key, err) < 0)
			return -1;
		if (!token_take(t, "="))
			return toml_refuse(t, "a key without =", err);
		if (value_take(t, depth + 1, &member, err) < 0)
			return -1;
	}
}

/* Whether it is one: digits of the base with single underscores between, and small enough. */
static bool integer_parse(const char *word, int64_t *out)
{
	bool negative = *word == '-';
	const char *at = word + (*word == '+' || negative), *digits;
	int base = 10;
	char plain[80], *end;
	size_t n = 0;

	if (at == word && at[0] == '0' && at[1] && strchr("xob", at[1])) {
		base = at[1] == 'x' ? 16 : at[1] == 'o' ? 8 : 2;
		at += 2;
	} else if (at[0] == '0' && at[1]) {
		return false;
	}
	digits = at;
	for (; *at && n + 2 < sizeof(plain); at++) {
		bool inner = *at == '_' && at > digits && at[1] != '\0' && at[1] != '_';

		if (*at == '+' || *at == '-' || (*at == '_' && !inner))
			return false;
		if (!inner)
			plain[n++] = *at;
	}
	plain[n] = '\0';
	errno = 0;
	*out = strtoll(plain, &end, base);
	if (negative)
		*out = -*out;
	return n > 0 && !*at && !*end && errno == 0;
}

static bool is_of_number(char c)
{
	return is_bare(c) || c == '+' || c == '.' || c == ':';
}

/* Numbers, dates and words. */
static int word_take(struct toml *t, struct toml_entry *e, struct error *err)
{
	const char *from = t->at;
	_cleanup_free_ char *word = NULL;
	size_t n;

	while (is_of_number(char_peek(t, 0)))
		t->at++;
	n = (size_t)(t->at - from);
	/* A date and a time may have a blank between them. */
	if (n == 10 && from[4] == '-' && char_peek(t, 0) == ' ' && char_peek(t, 1) >= '0' && char_peek(t, 1) <= '9') {
		t->at++;
		while (is_of_number(char_peek(t, 0)))
			t->at++;
	}
	word = strndup(from, n);
	if (!word)
		return no_memory(err);
	e->on = str_eq(word, "true");
	if (e->on || str_eq(word, "false"))
		e->type = TOML_BOOLEAN;
	else if (integer_parse(word, &e->number))
		e->type = TOML_INTEGER;
	else if (n > 0 && (strchr("0123456789+-", *word) || str_eq(word, "inf") || str_eq(word, "nan")))
		e->type = TOML_OTHER;
	else
		return toml_refuse(t, n > 0 ? "a text needs quotation marks" : "a key without a value", err);
	return 0;
}

static int value_take(struct toml *t, unsigned depth, struct toml_entry *e, struct error *err)
{
	_cleanup_buf_ struct buf text = { 0 };
	int r;

	if (depth > TOML_DEPTH)
		return toml_refuse(t, "arrays and tables are nested too deeply", err);
	blanks_skip(t);
	e->type = TOML_OTHER;
	if (token_take(t, "["))
		return array_skip(t, depth, err);
	if (token_take(t, "{"))
		return inline_table_skip(t, depth, err);
	r = string_take(t, true, &text, err);
	if (r < 0)
		return -1;
	if (r == 0)
		return word_take(t, e, err);
	e->type = TOML_STRING;
	e->text = text.len > 0 ? buf_steal_text(&text) : strdup("");
	return e->text ? 0 : no_memory(err);
}

int toml_next(struct toml *t, struct toml_entry *e, struct error *err)
{
	_cleanup_buf_ struct buf key = { 0 };

	toml_entry_clear(e);
	for (;;) {
		if (lines_skip(t, err) < 0)
			return -1;
		if (t->at == t->end)
			return 0;
		if (!token_take(t, "["))
			break;
		if (header_parse(t, err) < 0)
			return -1;
	}
	e->line = t->line;
	if (t->table && buf_addstr(&key, t->table) < 0)
		return no_memory(err);
	if (key_take(t, &key, err) < 0)
		return -1;
	e->key = key.len > 0 ? buf_steal_text(&key) : strdup("");
	if (!e->key)
		return no_memory(err);
	if (!token_take(t, "="))
		return toml_refuse(t, "a key without =", err);
	return value_take(t, 0, e, err) < 0 || line_end(t, err) < 0 ? -1 : 1;
}
