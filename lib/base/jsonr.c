#include "jsonr.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "str.h"

/* --- the check: a reader that only moves on ------------------------------------------------------- */

struct scan {
	const char *at, *end;
	unsigned depth;
};

static void jsonr_blanks(struct scan *s)
{
	while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r'))
		s->at++;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int hex_digit(char c)
{
	if (is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool scan_word(struct scan *s, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(s->end - s->at) < n || memcmp(s->at, word, n) != 0)
		return false;
	s->at += n;
	return true;
}

static bool scan_string(struct scan *s)
{
	if (s->at == s->end || *s->at != '"')
		return false;
	for (s->at++; s->at < s->end; s->at++) {
		unsigned char c = (unsigned char)*s->at;

		if (c == '"') {
			s->at++;
			return true;
		}
		if (c < 0x20)
			return false;
		if (c != '\\')
			continue;
		if (++s->at == s->end)
			return false;
		if (*s->at == 'u') {
			for (int i = 0; i < 4; i++)
				if (++s->at == s->end || hex_digit(*s->at) < 0)
					return false;
		} else if (*s->at == '\0' || !strchr("\"\\/bfnrt", *s->at)) {
			return false;
		}
	}
	return false;
}

static bool scan_digits(struct scan *s)
{
	const char *start = s->at;

	while (s->at < s->end && is_digit(*s->at))
		s->at++;
	return s->at > start;
}

static bool scan_number(struct scan *s)
{
	if (s->at < s->end && *s->at == '-')
		s->at++;
	if (s->at < s->end && *s->at == '0')
		s->at++;
	else if (!scan_digits(s))
		return false;
	if (s->at < s->end && *s->at == '.') {
		s->at++;
		if (!scan_digits(s))
			return false;
	}
	if (s->at < s->end && (*s->at == 'e' || *s->at == 'E')) {
		s->at++;
		if (s->at < s->end && (*s->at == '+' || *s->at == '-'))
			s->at++;
		return scan_digits(s);
	}
	return true;
}

static bool scan_value(struct scan *s, struct jsonr *out);

/* The inside of an object or array, from its opening character to behind the closing one. */
static bool scan_container(struct scan *s, char close)
{
	if (++s->depth > JSONR_DEPTH)
		return false;
	s->at++;
	jsonr_blanks(s);
	if (s->at < s->end && *s->at == close)
		goto closed;
	for (;;) {
		if (close == '}') {
			if (!scan_string(s))
				return false;
			jsonr_blanks(s);
			if (s->at == s->end || *s->at != ':')
				return false;
			s->at++;
			jsonr_blanks(s);
		}
		if (!scan_value(s, NULL))
			return false;
		jsonr_blanks(s);
		if (s->at == s->end)
			return false;
		if (*s->at == close)
			goto closed;
		if (*s->at != ',')
			return false;
		s->at++;
		jsonr_blanks(s);
	}
closed:
	s->at++;
	s->depth--;
	return true;
}

static bool scan_value(struct scan *s, struct jsonr *out)
{
	const char *start = s->at;
	enum jsonr_type type;
	bool good;

	if (s->at == s->end)
		return false;
	switch (*s->at) {
	case '{':
		type = JSONR_OBJECT;
		good = scan_container(s, '}');
		break;
	case '[':
		type = JSONR_ARRAY;
		good = scan_container(s, ']');
		break;
	case '"':
		type = JSONR_STRING;
		good = scan_string(s);
		break;
	case 't':
		type = JSONR_TRUE;
		good = scan_word(s, "true");
		break;
	case 'f':
		type = JSONR_FALSE;
		good = scan_word(s, "false");
		break;
	case 'n':
		type = JSONR_NULL;
		good = scan_word(s, "null");
		break;
	default:
		type = JSONR_NUMBER;
		good = scan_number(s);
	}
	if (good && out)
		*out = (struct jsonr){ .type = type, .start = start, .len = (size_t)(s->at - start) };
	return good;
}

/* Lines count from 1, as editors have them; bytes from 0, of the whole text. */
static int jsonr_refuse(const char *text, const char *at, const char *what, struct error *err)
{
	size_t line = 1;

	for (const char *p = text; p < at; p++)
		line += *p == '\n';
	return error_set(err, 0, "line %zu: %s at byte %zu", line, what, (size_t)(at - text));
}

int jsonr_parse_next(const char *text, size_t n, struct jsonr *out, const char **rest, struct error *err)
{
	struct scan s = { .at = text, .end = text + n };

	*out = (struct jsonr){ 0 };
	jsonr_blanks(&s);
	if (s.at == s.end) {
		*rest = s.at;
		return 0;
	}
	if (!scan_value(&s, out)) {
		*rest = s.at;
		return jsonr_refuse(text, s.at, s.depth > JSONR_DEPTH ? "JSON nested too deep" : "bad JSON", err);
	}
	jsonr_blanks(&s);
	*rest = s.at;
	return 1;
}

int jsonr_parse(const char *text, size_t n, struct jsonr *out, struct error *err)
{
	const char *rest;
	int r = jsonr_parse_next(text, n, out, &rest, err);

	if (r < 0)
		return -1;
	if (r == 0)
		return error_set(err, 0, "no JSON");
	if (rest != text + n) {
		*out = (struct jsonr){ 0 };
		return jsonr_refuse(text, rest, "bad JSON", err);
	}
	return 0;
}

/* --- walking --------------------------------------------------------------------------------------- */

struct jsonr_iter jsonr_iter(const struct jsonr *container)
{
	if (container->type != JSONR_OBJECT && container->type != JSONR_ARRAY)
		return (struct jsonr_iter){ 0 };
	/* between the brackets */
	return (struct jsonr_iter){ container->start + 1, container->start + container->len - 1 };
}

/* The next value and what separates it from the one behind. */
static bool iter_value(struct jsonr_iter *it, struct jsonr *out)
{
	struct scan s = { .at = it->at, .end = it->end };

	jsonr_blanks(&s);
	if (s.at == s.end || !scan_value(&s, out)) {
		it->at = it->end;
		return false;
	}
	jsonr_blanks(&s);
	if (s.at < s.end && (*s.at == ',' || *s.at == ':'))
		s.at++;
	it->at = s.at;
	return true;
}

bool jsonr_member(struct jsonr_iter *it, struct jsonr *key, struct jsonr *value)
{
	return iter_value(it, key) && iter_value(it, value);
}

bool jsonr_element(struct jsonr_iter *it, struct jsonr *value)
{
	return iter_value(it, value);
}

struct jsonr jsonr_get(const struct jsonr *object, const char *key)
{
	struct jsonr found = { 0 }, k, v;
	struct jsonr_iter it = jsonr_iter(object);

	if (object->type != JSONR_OBJECT)
		return found;
	while (jsonr_member(&it, &k, &v))
		if (jsonr_is(&k, key))
			found = v;
	if (found.type == JSONR_NULL)
		found = (struct jsonr){ 0 };
	return found;
}

/* --- text -------------------------------------------------------------------------------------------- */

static unsigned escape_unit(const char *p)
{
	return (unsigned)(hex_digit(p[0]) << 12 | hex_digit(p[1]) << 8 | hex_digit(p[2]) << 4 | hex_digit(p[3]));
}

static size_t utf8_put(char *out, unsigned c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* Takes one character of a string's inside, escaped or not, to at most four bytes; returns how many. */
static size_t char_read(const char **at, const char *end, char out[4])
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	unsigned c, low;

	if (**at != '\\') {
		out[0] = *(*at)++;
		return 1;
	}
	if ((*at)[1] != 'u') {
		out[0] = to[strchr(from, (*at)[1]) - from];
		*at += 2;
		return 1;
	}
	c = escape_unit(*at + 2);
	*at += 6;
	if (c >= 0xd800 && c < 0xdc00 && end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u') {
		low = escape_unit(*at + 2);
		if (low >= 0xdc00 && low < 0xe000) {
			*at += 6;
			return utf8_put(out, 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00));
		}
	}
	return utf8_put(out, c >= 0xd800 && c < 0xe000 ? 0xfffd : c);
}

bool jsonr_is(const struct jsonr *value, const char *text)
{
	const char *at, *end;
	char c[4];

	if (value->type != JSONR_STRING)
		return false;
	at = value->start + 1;
	end = value->start + value->len - 1;
	while (at < end) {
		size_t n = char_read(&at, end, c);

		for (size_t i = 0; i < n; i++)
			if (*text == '\0' || *text++ != c[i])
				return false;
	}
	return *text == '\0';
}

char *jsonr_bytes(const struct jsonr *value, size_t *length)
{
	const char *at, *end;
	char *text;
	size_t n = 0;

	errno = EINVAL;
	if (value->type != JSONR_STRING)
		return NULL;
	at = value->start + 1;
	end = value->start + value->len - 1;
	text = malloc(value->len + 1); /* no character grows: \uXXXX has six bytes, and becomes at most three */
	if (!text)
		return NULL;
	while (at < end)
		n += char_read(&at, end, text + n);
	text[n] = '\0';
	*length = n;
	return text;
}

char *jsonr_text(const struct jsonr *value)
{
	size_t n;
	_cleanup_free_ char *text = jsonr_bytes(value, &n);

	if (!text)
		return NULL;
	errno = EINVAL;
	return strlen(text) == n ? steal_ptr(&text) : NULL;
}

int jsonr_u64(const struct jsonr *value, uint64_t *out)
{
	char digits[24];

	if (value->type != JSONR_NUMBER) {
		errno = EINVAL;
		return -1;
	}
	if (value->len >= sizeof(digits)) {
		errno = ERANGE;
		return -1;
	}
	memcpy(digits, value->start, value->len);
	digits[value->len] = '\0';
	return str_to_u64(digits, UINT64_MAX, out);
}
