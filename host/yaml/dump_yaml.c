/* Nodes as YAML in blocks, which every YAML reader takes for the same. */
#include <string.h>
#include <strings.h>

#include "dump_private.h"
#include "scalar.h"
#include "str.h"

void yaml_put(struct yaml_writer *w, const char *s)
{
	if (buf_addstr(w->out, s) < 0)
		w->failed = true;
}

static void yaml_indent(struct yaml_writer *w, int depth)
{
	for (; depth > 0; depth--)
		yaml_put(w, "  ");
}

/* Words that some YAML reader takes for a boolean. */
static bool is_boolean_word(const char *s)
{
	static const char *const words[] = { "y", "n", "yes", "no", "on", "off", "true", "false" };
	size_t i;

	for (i = 0; i < array_len(words); i++)
		if (strcasecmp(words[i], s) == 0)
			return true;
	return false;
}

static bool is_plain(const char *s, size_t n)
{
	struct node probe = { .text = s, .len = n };
	size_t i;

	if (!n || !(((*s | 0x20) >= 'a' && (*s | 0x20) <= 'z') || *s == '/') || is_boolean_word(s))
		return false;
	for (i = 0; i < n; i++) {
		char c = s[i];

		if (((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (c >= '0' && c <= '9') || (c && strchr("_./@=+-", c)))
			continue;
		if (c != ':' || i + 1 == n)
			return false;
	}
	scalar_resolve(&probe, NULL, NULL);
	return probe.kind == NODE_STRING;
}

static bool is_utf8(const char *s, size_t n)
{
	size_t i, len;

	for (i = 0; i < n; i += len) {
		len = utf8_char(s + i, n - i);
		if (!len)
			return false;
	}
	return true;
}

static void yaml_put_base64(struct yaml_writer *w, const char *s, size_t n)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *p = (const unsigned char *)s;
	size_t i;

	yaml_put(w, "!!binary \"");
	for (i = 0; i < n; i += 3) {
		uint32_t v =
			(uint32_t)p[i] << 16 | (i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0) | (i + 2 < n ? p[i + 2] : 0);
		char four[5] = { alphabet[v >> 18], alphabet[v >> 12 & 63], i + 1 < n ? alphabet[v >> 6 & 63] : '=',
				 i + 2 < n ? alphabet[v & 63] : '=', '\0' };

		yaml_put(w, four);
	}
	yaml_put(w, "\"");
}

/* A JSON string is a YAML scalar in double quotes. */
static void yaml_put_text(struct yaml_writer *w, const char *s, size_t n)
{
	struct jsonw json = { .out = w->out };

	if (is_plain(s, n))
		yaml_put(w, s);
	else if (!is_utf8(s, n))
		yaml_put_base64(w, s, n);
	else
		jsonw_text(&json, NULL, s, n);
	w->failed |= json.failed;
}

static void yaml_put_record(struct yaml_writer *w, const struct node *n, const struct record *record, int depth,
			    bool inline_);

static void yaml_put_scalar(struct yaml_writer *w, const struct node *v)
{
	struct jsonw json = { .out = w->out };

	yaml_put(w, " ");
	if (v->kind == NODE_BOOL)
		yaml_put(w, v->boolean ? "true" : "false");
	else if (v->kind == NODE_STRING)
		yaml_put_text(w, v->text, v->len);
	else
		json_number(&json, NULL, v);
	yaml_put(w, "\n");
	w->failed |= json.failed;
}

/* Behind "key:" in a block of the given depth. */
void yaml_put_value(struct yaml_writer *w, const struct node *v, const struct field *f, int depth)
{
	size_t i;

	if (v->kind == NODE_LIST && v->count) {
		yaml_put(w, "\n");
		for (i = 0; i < v->count; i++) {
			yaml_indent(w, depth);
			yaml_put(w, "-");
			if (v->items[i]->kind == NODE_MAP)
				yaml_put_record(w, v->items[i], f->record, depth + 1, true);
			else
				yaml_put_scalar(w, v->items[i]);
		}
	} else if (v->kind == NODE_LIST) {
		yaml_put(w, " []\n");
	} else if (v->kind == NODE_MAP && v->record) {
		yaml_put_record(w, v, f->record, depth + 1, false);
	} else if (v->kind == NODE_MAP && v->count) {
		yaml_put(w, "\n");
		for (i = 0; i < v->count; i++) {
			yaml_indent(w, depth + 1);
			yaml_put_text(w, v->items[2 * i]->text, v->items[2 * i]->len);
			yaml_put(w, ":");
			yaml_put_scalar(w, v->items[2 * i + 1]);
		}
	} else if (v->kind == NODE_MAP) {
		yaml_put(w, " {}\n");
	} else {
		yaml_put_scalar(w, v);
	}
}

static void yaml_put_zero(struct yaml_writer *w, const struct field *f, int depth)
{
	switch (f->type) {
	case FIELD_BOOL:
		yaml_put(w, " false\n");
		break;
	case FIELD_INT:
		yaml_put(w, " 0\n");
		break;
	case FIELD_RECORD:
		yaml_put_record(w, NULL, f->record, depth + 1, false);
		break;
	case FIELD_STRINGS:
	case FIELD_IDS:
	case FIELD_RECORDS:
		yaml_put(w, " []\n");
		break;
	default:
		yaml_put(w, " \"\"\n");
	}
}

/* dash: the record is an element of a list: its first key stands behind "-". */
static void yaml_put_record(struct yaml_writer *w, const struct node *n, const struct record *record, int depth,
			    bool dash)
{
	bool first = true;
	size_t i;

	for (i = 0; i < record->count; i++) {
		const struct field *f = &record->fields[i];
		const struct node *v = field_present(n, i, f);

		if (!v && (!(f->flags & FIELD_YAML_ALWAYS) || ((f->flags & FIELD_DROPPED) && !w->metadata)))
			continue;
		if (first)
			yaml_put(w, dash ? " " : "\n");
		if (!first || !dash)
			yaml_indent(w, depth);
		first = false;
		yaml_put(w, f->yaml ? f->yaml : f->key);
		yaml_put(w, ":");
		if (v)
			yaml_put_value(w, v, f, depth);
		else
			yaml_put_zero(w, f, depth);
	}
	if (first)
		yaml_put(w, " {}\n");
}
