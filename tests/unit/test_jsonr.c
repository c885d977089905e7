/* lib/base/jsonr: what is JSON and what is not, finding, text. */
#include <errno.h>
#include <stdlib.h>

#include "jsonr.h"
#include "str.h"
#include "tap.h"

static void test_validity(void)
{
	static const struct {
		const char *text;
		bool good;
	} rows[] = {
		{ "{}", true },
		{ " [ ] ", true },
		{ "0", true },
		{ "-1.5e+10", true },
		{ "\"\"", true },
		{ "null", true },
		{ "{\"a\":[1,2,{\"b\":null}],\"c\":true}", true },
		{ "\"\\u00e9\\n\\/\"", true },
		{ "\"\xc3\xa9\"", true },
		{ "", false },
		{ "  ", false },
		{ "{", false },
		{ "}", false },
		{ "[1,]", false },
		{ "{\"a\":1,}", false },
		{ "{\"a\" 1}", false },
		{ "{a:1}", false },
		{ "01", false },
		{ "1.", false },
		{ "-", false },
		{ ".5", false },
		{ "1e", false },
		{ "+1", false },
		{ "\"", false },
		{ "\"\\x\"", false },
		{ "\"\\u12\"", false },
		{ "\"a\nb\"", false },
		{ "nul", false },
		{ "truth", false },
		{ "1 2", false },
		{ "[1 2]", false },
		{ "[1}", false },
		{ "{\"a\":}", false },
		{ "'a'", false },
		{ "[\"a\",\"b]", false },
	};

	for (size_t i = 0; i < array_len(rows); i++) {
		_cleanup_error_ struct error e = { 0 };
		struct jsonr v;
		int r = jsonr_parse(rows[i].text, strlen(rows[i].text), &v, &e);

		ok((r == 0) == rows[i].good && (r == 0 ? v.type != JSONR_NONE : e.msg && v.type == JSONR_NONE),
		   "%s is %s: %s", rows[i].text, rows[i].good ? "JSON" : "not", r < 0 ? error_text(&e) : "");
	}
}

static void test_depth(void)
{
	char text[2 * JSONR_DEPTH + 3] = "";
	_cleanup_error_ struct error e = { 0 };
	struct jsonr v;

	memset(text, '[', JSONR_DEPTH);
	memset(text + JSONR_DEPTH, ']', JSONR_DEPTH);
	ok(jsonr_parse(text, strlen(text), &v, &e) == 0, "%d levels", JSONR_DEPTH);
	memset(text, '[', JSONR_DEPTH + 1);
	memset(text + JSONR_DEPTH + 1, ']', JSONR_DEPTH + 1);
	ok(jsonr_parse(text, strlen(text), &v, &e) < 0, "one more: %s", error_text(&e));
}

static void test_find(void)
{
	static const char text[] =
		"{ \"linux\": {\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"net\",\"path\":\"/x\"}]},"
		"\"n\":18446744073709551615,\"neg\":-1,\"gone\":null,\"twice\":1,\"twice\":2,\"\\u006bey\":\"v\" }";
	struct jsonr doc, v, e, none;
	struct jsonr_iter it;
	uint64_t n = 0;
	int elements = 0;

	if (!ok(jsonr_parse(text, sizeof(text) - 1, &doc, NULL) == 0, "a document"))
		return;
	v = jsonr_get(&doc, "linux");
	v = jsonr_get(&v, "namespaces");
	ok(v.type == JSONR_ARRAY, "a value two levels down");
	for (it = jsonr_iter(&v); jsonr_element(&it, &e); elements++) {
		struct jsonr type = jsonr_get(&e, "type");

		ok(jsonr_is(&type, elements ? "net" : "pid"), "element %d", elements);
	}
	ok(elements == 2, "and no more of them");
	v = jsonr_get(&doc, "n");
	ok(jsonr_u64(&v, &n) == 0 && n == UINT64_MAX, "the largest number");
	v = jsonr_get(&doc, "neg");
	ok(jsonr_u64(&v, &n) < 0 && errno == EINVAL, "a negative one is refused");
	ok(jsonr_get(&doc, "gone").type == JSONR_NONE, "null counts as absent");
	ok(jsonr_get(&doc, "nowhere").type == JSONR_NONE, "absent");
	v = jsonr_get(&doc, "twice");
	ok(jsonr_u64(&v, &n) == 0 && n == 2, "the last of two");
	v = jsonr_get(&doc, "key");
	ok(jsonr_is(&v, "v"), "a name with an escape");
	ok(!jsonr_is(&v, "vv") && !jsonr_is(&v, ""), "text is compared whole");
	none = jsonr_get(&v, "x");
	ok(none.type == JSONR_NONE && jsonr_get(&none, "y").type == JSONR_NONE,
	   "nothing is found in what is no object");
}

static void test_text(void)
{
	static const struct {
		const char *json, *text; /* text NULL: refused */
	} rows[] = {
		{ "\"plain\"", "plain" },
		{ "\"a\\\"b\\\\c\\/\\b\\f\\n\\r\\t\"", "a\"b\\c/\b\f\n\r\t" },
		{ "\"\\u00e9\\u20ac\"", "\xc3\xa9\xe2\x82\xac" },
		{ "\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80" },
		{ "\"\\ud83dx\"", "\xef\xbf\xbdx" },
		{ "\"\\ude00\\ud83d\"", "\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\"a\\u0000b\"", NULL },
		{ "7", NULL },
	};

	for (size_t i = 0; i < array_len(rows); i++) {
		_cleanup_free_ char *text = NULL;
		struct jsonr v;

		jsonr_parse(rows[i].json, strlen(rows[i].json), &v, NULL);
		text = jsonr_text(&v);
		ok_str(text, rows[i].text, rows[i].json);
		if (rows[i].text)
			ok(jsonr_is(&v, rows[i].text), "compared without a copy");
	}
}

static void test_sequence(void)
{
	static const char text[] = "{\"a\":1}\n{\"a\":2}\n junk";
	const char *at = text, *end = text + sizeof(text) - 1;
	struct jsonr v;

	ok(jsonr_parse_next(at, (size_t)(end - at), &v, &at, NULL) == 1 && v.len == 7, "the first of several");
	ok(jsonr_parse_next(at, (size_t)(end - at), &v, &at, NULL) == 1 && v.start[5] == '2', "the second");
	ok(jsonr_parse_next(at, (size_t)(end - at), &v, &at, NULL) < 0, "what is none");
	ok(jsonr_parse_next(" \n", 2, &v, &at, NULL) == 0, "nothing more");
}

int main(void)
{
	test_validity();
	test_depth();
	test_find();
	test_text();
	test_sequence();
	return tap_done();
}
