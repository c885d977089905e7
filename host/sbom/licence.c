/* Expressions of licences.
 *
 *   expression := list { "," [ "AND" | "OR" ] list }
 *   list       := term { ("AND" | "OR") term }
 *   term       := "(" expression ")" | name [ "WITH" name ]
 *   name       := word { word }
 *
 * The words of operators may be small. Words that follow each other are one name ("ASL 2.0"), unless each of them is a
 * licence by itself. AND binds tighter than OR, and a comma least, as Debian has it: "A or B, and C" is "(A OR B) AND
 * C". */
#include "licence_private.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

#include "buf.h"
#include "cleanup.h"
#include "str.h"

enum { NESTING_MAX = 16, WORD_MAX = 256, REFS_MAX = 4096 };
#define LICENCE_REF "LicenseRef-"

void licence_refs_clear(struct licence_refs *refs)
{
	strv_free(refs->names);
	strv_free(refs->texts);
	*refs = (struct licence_refs){ 0 };
}

/* "LicenseRef-" with what such a name may have: letters, digits, dots and dashes. */
static char *ref_name(const char *text)
{
	_cleanup_buf_ struct buf out = { 0 };
	bool dash = true; /* one already: none in front */

	if (buf_addstr(&out, LICENCE_REF) < 0)
		return NULL;
	for (const char *p = text; *p && out.len < WORD_MAX; p++) {
		bool good = isalnum((unsigned char)*p) || *p == '.';

		if (good ? buf_add(&out, p, 1) < 0 : !dash && buf_addstr(&out, *p == '+' ? "-or-later-" : "-") < 0)
			return NULL;
		dash = !good;
	}
	while (out.len > strlen(LICENCE_REF) && buf_bytes(&out)[out.len - 1] == '-')
		buf_truncate(&out, out.len - 1);
	if (out.len == strlen(LICENCE_REF) && buf_addstr(&out, "unnamed") < 0)
		return NULL;
	return buf_steal_text(&out);
}

/* Appends a licence that the list has not. */
static int ref_add(struct buf *out, const char *text, struct licence_refs *refs)
{
	_cleanup_free_ char *name = ref_name(text);

	if (!name || buf_addstr(out, name) < 0)
		return -1;
	if ((refs->names && strv_has(refs->names, name)) || strv_len(refs->names) >= REFS_MAX)
		return 0;
	return strv_add(&refs->names, name) < 0 ? -1 : strv_add(&refs->texts, text);
}

/* --- words --- */

enum token { TOKEN_END, TOKEN_WORD, TOKEN_AND, TOKEN_OR, TOKEN_COMMA, TOKEN_WITH, TOKEN_OPEN, TOKEN_CLOSE, TOKEN_BAD };

struct reader {
	struct slice rest;
	enum token token;
	char word[WORD_MAX];
	struct licence_refs *refs;
	bool memory; /* there was none */
};

static void token_next(struct reader *r)
{
	static const struct {
		const char *word;
		enum token token;
	} operators[] = { { "AND", TOKEN_AND }, { "OR", TOKEN_OR }, { "WITH", TOKEN_WITH } };
	size_t n = 0;

	while (r->rest.len && isspace((unsigned char)*r->rest.at)) {
		r->rest.at++;
		r->rest.len--;
	}
	r->token = TOKEN_END;
	if (!r->rest.len)
		return;
	while (n < r->rest.len && !isspace((unsigned char)r->rest.at[n]) && !memchr("(),", r->rest.at[n], 3))
		n++;
	if (!n) {
		r->token = *r->rest.at == '(' ? TOKEN_OPEN : *r->rest.at == ')' ? TOKEN_CLOSE : TOKEN_COMMA;
		n = 1;
	} else if (n >= WORD_MAX || memchr(r->rest.at, 0, n)) {
		r->token = TOKEN_BAD;
	} else {
		r->token = TOKEN_WORD;
		memcpy(r->word, r->rest.at, n);
		r->word[n] = 0;
		for (size_t i = 0; i < array_len(operators); i++)
			if (strcasecmp(r->word, operators[i].word) == 0)
				r->token = operators[i].token;
	}
	r->rest.at += n;
	r->rest.len -= n;
}

/* A name's words; all: each of them is a licence. */
static char **words_read(struct reader *r, bool *all)
{
	char **words = NULL;

	*all = true;
	for (; r->token == TOKEN_WORD; token_next(r)) {
		*all = *all && licence_id(r->word);
		if (strv_add(&words, r->word) < 0) {
			r->memory = true;
			break;
		}
	}
	return words;
}

static int name_write(struct reader *r, struct buf *out)
{
	bool all, end_all;
	_cleanup_strv_ char **words = words_read(r, &all), **exception = NULL;
	_cleanup_free_ char *name = words ? strv_join(words, " ") : NULL, *except = NULL, *both = NULL;
	const char *id = name ? licence_id(name) : NULL;

	if (!name)
		return -1;
	if (r->token == TOKEN_WITH) {
		token_next(r);
		exception = words_read(r, &end_all);
		except = exception ? strv_join(exception, " ") : NULL;
		both = except ? str_format("%s WITH %s", id ? id : name, except) : NULL;
		if (!both)
			return -1;
		return id && licence_exception(except) ? buf_addstr(out, both) : ref_add(out, both, r->refs);
	}
	if (id)
		return buf_addstr(out, id);
	if (str_starts(name, LICENCE_REF) || !all)
		return ref_add(out, str_starts(name, LICENCE_REF) ? name + strlen(LICENCE_REF) : name, r->refs);
	for (char **w = words; *w; w++)
		if ((w > words && buf_addstr(out, " AND ") < 0) || buf_addstr(out, licence_id(*w)) < 0)
			return -1;
	return 0;
}

static int expression_write(struct reader *r, struct buf *out, int depth);

static int term_write(struct reader *r, struct buf *out, int depth)
{
	if (r->token == TOKEN_WORD)
		return name_write(r, out);
	if (r->token != TOKEN_OPEN || depth == NESTING_MAX)
		return -1;
	token_next(r);
	if (buf_addstr(out, "(") < 0 || expression_write(r, out, depth + 1) < 0 || r->token != TOKEN_CLOSE)
		return -1;
	token_next(r);
	return buf_addstr(out, ")");
}

static int list_write(struct reader *r, struct buf *out, int depth)
{
	if (term_write(r, out, depth) < 0)
		return -1;
	while (r->token == TOKEN_AND || r->token == TOKEN_OR) {
		const char *text = r->token == TOKEN_AND ? " AND " : " OR ";

		token_next(r);
		if (buf_addstr(out, text) < 0 || term_write(r, out, depth) < 0)
			return -1;
	}
	return 0;
}

/* Parentheses around what stands from there on, where it is a choice. */
static int choice_close(struct buf *out, size_t from)
{
	_cleanup_free_ char *text = strdup(buf_text(out) + from);

	if (!text)
		return -1;
	if (!strstr(text, " OR "))
		return 0;
	buf_truncate(out, from);
	return buf_addf(out, "(%s)", text);
}

static int expression_write(struct reader *r, struct buf *out, int depth)
{
	size_t start = out->len, next;

	if (list_write(r, out, depth) < 0)
		return -1;
	while (r->token == TOKEN_COMMA) {
		bool either;

		token_next(r);
		either = r->token == TOKEN_OR;
		if (either || r->token == TOKEN_AND)
			token_next(r);
		if ((!either && choice_close(out, start) < 0) || buf_addstr(out, either ? " OR " : " AND ") < 0)
			return -1;
		next = out->len;
		if (list_write(r, out, depth) < 0 || (!either && choice_close(out, next) < 0))
			return -1;
	}
	return 0;
}

int licence_expression(struct slice text, struct licence_refs *refs, char **out)
{
	struct licence_refs mine = { 0 };
	struct reader r = { .rest = text, .refs = &mine };
	_cleanup_buf_ struct buf expression = { 0 };
	_cleanup_free_ char *whole = NULL;
	int result = 0;

	*out = NULL;
	token_next(&r);
	if (r.token == TOKEN_END)
		return 0;
	if (expression_write(&r, &expression, 0) == 0 && r.token == TOKEN_END) {
		for (size_t i = 0; result == 0 && mine.names && mine.names[i]; i++) {
			_cleanup_buf_ struct buf again = { 0 };

			result = ref_add(&again, mine.texts[i], refs);
		}
	} else {
		buf_clear(&expression);
		whole = strndup(text.at, text.len);
		result = whole ? ref_add(&expression, whole, refs) : -1;
	}
	licence_refs_clear(&mine);
	if (result < 0 || r.memory)
		return -1;
	*out = buf_steal_text(&expression);
	return *out ? 0 : -1;
}
