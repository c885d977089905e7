/* What a plain scalar means: the rules of LinuxKit's YAML library, see node.h. */
#include "scalar.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "str.h"

static const struct word {
	const char *text;
	enum node_kind kind;
	double value; /* of bools and floats */
} words[] = {
	{ "", NODE_NULL, 0 },
	{ "~", NODE_NULL, 0 },
	{ "null", NODE_NULL, 0 },
	{ "Null", NODE_NULL, 0 },
	{ "NULL", NODE_NULL, 0 },
	{ "true", NODE_BOOL, 1 },
	{ "True", NODE_BOOL, 1 },
	{ "TRUE", NODE_BOOL, 1 },
	{ "false", NODE_BOOL, 0 },
	{ "False", NODE_BOOL, 0 },
	{ "FALSE", NODE_BOOL, 0 },
	{ ".nan", NODE_FLOAT, NAN },
	{ ".NaN", NODE_FLOAT, NAN },
	{ ".NAN", NODE_FLOAT, NAN },
	{ ".inf", NODE_FLOAT, INFINITY },
	{ ".Inf", NODE_FLOAT, INFINITY },
	{ ".INF", NODE_FLOAT, INFINITY },
	{ "+.inf", NODE_FLOAT, INFINITY },
	{ "+.Inf", NODE_FLOAT, INFINITY },
	{ "+.INF", NODE_FLOAT, INFINITY },
	{ "-.inf", NODE_FLOAT, -INFINITY },
	{ "-.Inf", NODE_FLOAT, -INFINITY },
	{ "-.INF", NODE_FLOAT, -INFINITY },
};

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 99;
}

/* All of s as digits of a base; false where it is not, or does not fit 64 bits. */
static bool parse_digits(const char *s, unsigned base, uint64_t *out)
{
	uint64_t v = 0;

	if (!*s)
		return false;
	for (; *s; s++) {
		unsigned d = (unsigned)digit_value(*s);

		if (d >= base || __builtin_mul_overflow(v, (uint64_t)base, &v) ||
		    __builtin_add_overflow(v, (uint64_t)d, &v))
			return false;
	}
	*out = v;
	return true;
}

/* [sign] 0x | 0b | 0o | 0 | digits */
static bool parse_integer(const char *s, struct node *n)
{
	bool negative = *s == '-', sign = negative || *s == '+';
	unsigned base = 10;
	uint64_t v;

	s += sign;
	if (s[0] == '0' && s[1]) {
		switch (s[1]) {
		case 'x':
		case 'X':
			base = 16;
			s += 2;
			break;
		case 'b':
		case 'B':
			base = 2;
			s += 2;
			break;
		case 'o':
		case 'O':
			base = 8;
			s += 2;
			break;
		default:
			base = 8;
			s += 1;
		}
	}
	if (!parse_digits(s, base, &v))
		return false;
	if (negative) {
		if (v > (uint64_t)INT64_MAX + 1)
			return false;
		n->kind = NODE_INT;
		n->integer = (int64_t)-v;
	} else if (v > INT64_MAX) {
		if (sign)
			return false; /* becomes a float, as in the reference */
		n->kind = NODE_UINT;
		n->natural = v;
	} else {
		n->kind = NODE_INT;
		n->integer = (int64_t)v;
	}
	return true;
}

static const char *skip_digits(const char *s)
{
	while (*s >= '0' && *s <= '9')
		s++;
	return s;
}

/* [-+]? (\.[0-9]+ | [0-9]+(\.[0-9]*)?) ([eE][-+]?[0-9]+)? */
static bool parse_float(const char *s, struct node *n)
{
	const char *p = s + (*s == '-' || *s == '+'), *q;
	double v;

	if (*p == '.') {
		q = skip_digits(p + 1);
		if (q == p + 1)
			return false;
	} else {
		q = skip_digits(p);
		if (q == p)
			return false;
		if (*q == '.')
			q = skip_digits(q + 1);
	}
	if (*q == 'e' || *q == 'E') {
		p = q + 1;
		p += *p == '-' || *p == '+';
		q = skip_digits(p);
		if (q == p)
			return false;
	}
	if (*q)
		return false;
	v = strtod(s, NULL);
	if (isinf(v))
		return false;
	n->kind = NODE_FLOAT;
	n->real = v;
	return true;
}

/* The text without underscores in out; false if it is longer than a number can be. */
static bool without_underscores(const char *s, char *out, size_t size)
{
	size_t n = 0;

	for (; *s; s++) {
		if (*s == '_')
			continue;
		if (n + 1 >= size)
			return false;
		out[n++] = *s;
	}
	out[n] = '\0';
	return true;
}

static void resolve_plain(struct node *n)
{
	char digits[400];
	size_t i;

	n->kind = NODE_STRING;
	if (strlen(n->text) != n->len)
		return;
	for (i = 0; i < array_len(words); i++) {
		if (!str_eq(words[i].text, n->text))
			continue;
		n->kind = words[i].kind;
		if (n->kind == NODE_BOOL)
			n->boolean = words[i].value != 0;
		else
			n->real = words[i].value;
		return;
	}
	if (*n->text == '.') {
		parse_float(n->text, n);
		return;
	}
	if (*n->text != '+' && *n->text != '-' && (*n->text < '0' || *n->text > '9'))
		return;
	if (!without_underscores(n->text, digits, sizeof digits))
		return;
	if (!parse_integer(digits, n))
		parse_float(digits, n);
}

/* Standard base64, blanks and line ends ignored. */
static const char *resolve_binary(struct node *n, struct arena *arena)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *out = arena_copy(arena, n->text, n->len);
	size_t i, used = 0, digits = 0, padding = 0;
	uint32_t bits = 0;

	if (!out)
		return "no memory";
	for (i = 0; i < n->len; i++) {
		char c = n->text[i];
		const char *at = c ? strchr(alphabet, c) : NULL;

		if (c == '\n' || c == '\r' || c == ' ')
			continue;
		if (c == '=') {
			padding++;
			continue;
		}
		if (!at || padding)
			return "is not base64";
		bits = bits << 6 | (uint32_t)(at - alphabet);
		digits++;
		if (digits % 4 != 1)
			out[used++] = (char)(bits >> (6 - 2 * ((digits - 1) % 4)));
	}
	if ((digits + padding) % 4 || padding > 2)
		return "is not base64";
	out[used] = '\0';
	n->text = out;
	n->len = used;
	n->kind = NODE_STRING;
	return NULL;
}

static const char core_prefix[] = "tag:yaml.org,2002:";

const char *scalar_resolve(struct node *n, const char *tag, struct arena *arena)
{
	n->kind = NODE_STRING;
	if (!tag || str_eq(tag, "!")) {
		if (!n->quoted)
			resolve_plain(n);
		return NULL;
	}
	if (!str_starts(tag, core_prefix))
		return NULL;
	tag += strlen(core_prefix);
	if (str_eq(tag, "binary"))
		return resolve_binary(n, arena);
	if (str_eq(tag, "int")) {
		resolve_plain(n);
		return n->kind == NODE_INT || n->kind == NODE_UINT ? NULL : "is not an integer";
	}
	if (str_eq(tag, "float")) {
		resolve_plain(n);
		if (n->kind == NODE_INT) {
			n->kind = NODE_FLOAT;
			n->real = (double)n->integer;
		}
		return n->kind == NODE_FLOAT ? NULL : "is not a number";
	}
	if (str_eq(tag, "bool")) {
		resolve_plain(n);
		return n->kind == NODE_BOOL ? NULL : "is not true or false";
	}
	if (str_eq(tag, "null")) {
		resolve_plain(n);
		return n->kind == NODE_NULL ? NULL : "is not null";
	}
	return NULL;
}
