/* Diagnostics: collected (diag_error and its like), sorted by place, printed with the line they are about. */
#include "diag.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "cleanup.h"
#include "str.h"

enum { DIAG_MAX = 100, LINE_MAX_SHOWN = 160 };

void diags_free(struct diags *d)
{
	size_t i;

	for (i = 0; i < d->count; i++) {
		free(d->list[i].where);
		free(d->list[i].path);
		free(d->list[i].message);
		free(d->list[i].hint);
	}
	free(d->list);
	*d = (struct diags){ 0 };
}

/* --- where ------------------------------------------------------------------------------------------------ */

/* A name as it comes from the file, on one line. */
static void label_add(struct buf *b, const char *s)
{
	buf_addstr(b, " \"");
	for (; *s; s++)
		buf_addf(b, "%c", iscntrl((unsigned char)*s) ? '?' : *s);
	buf_addstr(b, "\"");
}

static void where_add(struct buf *b, const struct where *w, bool program)
{
	bool entry; /* an element of a section: what comes below it reads better behind a colon */

	if (!w)
		return;
	where_add(b, w->up, program);
	entry = w->up && !w->up->key && w->up->up && !w->up->up->up;
	if (w->key)
		buf_addf(b, "%s%s", !w->up ? "" : entry && !program ? ": " : ".", w->key);
	else
		buf_addf(b, "[%zu]", w->index);
	if (w->label && !program)
		label_add(b, w->label);
}

char *where_text(const struct where *where, bool program)
{
	_cleanup_buf_ struct buf b = { 0 };

	where_add(&b, where, program);
	return buf_steal_text(&b);
}

/* --- collecting --------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 5, 0))) static void add(struct diags *d, enum severity severity, struct position at,
						      const struct where *where, const char *fmt, va_list ap)
{
	struct diag *bigger, *x;

	if (d->strict)
		severity = SEVERITY_ERROR;
	if (severity == SEVERITY_ERROR)
		d->errors++;
	if (d->count >= DIAG_MAX)
		return;
	bigger = reallocarray(d->list, d->count + 1, sizeof *d->list);
	if (!bigger)
		return; /* the count of errors still says that there was one */
	d->list = bigger;
	x = &bigger[d->count];
	*x = (struct diag){ .severity = severity, .at = at, .order = d->count };
	d->count++;
	x->where = where ? where_text(where, false) : NULL;
	x->path = where ? where_text(where, true) : NULL;
	if (vasprintf(&x->message, fmt, ap) < 0)
		x->message = NULL;
}

void diag_error(struct diags *d, struct position at, const struct where *where, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(d, SEVERITY_ERROR, at, where, fmt, ap);
	va_end(ap);
}

void diag_warning(struct diags *d, struct position at, const struct where *where, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(d, SEVERITY_WARNING, at, where, fmt, ap);
	va_end(ap);
}

void diag_note(struct diags *d, struct position at, const struct where *where, const char *fmt, ...)
{
	va_list ap;

	if (d->quiet && !d->strict)
		return;
	va_start(ap, fmt);
	add(d, SEVERITY_NOTE, at, where, fmt, ap);
	va_end(ap);
}

void diag_hint(struct diags *d, const char *fmt, ...)
{
	struct diag *x;
	va_list ap;

	if (d->count == 0 || d->errors > DIAG_MAX)
		return;
	x = &d->list[d->count - 1];
	free(x->hint);
	va_start(ap, fmt);
	if (vasprintf(&x->hint, fmt, ap) < 0)
		x->hint = NULL;
	va_end(ap);
}

/* Letters that differ, upper and lower case being the same; at most 3. */
static size_t text_distance(const char *a, const char *b)
{
	char x[64], y[64];
	size_t i;

	if (strlen(a) >= sizeof x || strlen(b) >= sizeof y)
		return str_distance(a, b, 2);
	for (i = 0; i == 0 || a[i - 1]; i++)
		x[i] = (char)tolower((unsigned char)a[i]);
	for (i = 0; i == 0 || b[i - 1]; i++)
		y[i] = (char)tolower((unsigned char)b[i]);
	return str_distance(x, y, 2);
}

void diag_suggest(struct diags *d, const char *text, const char *(*name)(size_t i, const void *data), const void *data)
{
	const char *best = NULL, *candidate;
	size_t i, distance = 3;

	for (i = 0; (candidate = name(i, data)) != NULL; i++) {
		size_t n = text_distance(text, candidate);

		/* of a word of three letters two may not differ */
		if (n < distance && n < strlen(candidate) / 2 + 1) {
			distance = n;
			best = candidate;
		}
	}
	if (best)
		diag_hint(d, "did you mean \"%s\"?", best);
}

/* --- printing ----------------------------------------------------------------------------------------------- */

static int diag_compare(const void *pa, const void *pb)
{
	const struct diag *a = pa, *b = pb;
	size_t fa = a->at.file ? a->at.file->number : 0, fb = b->at.file ? b->at.file->number : 0;

	if (fa != fb)
		return fa < fb ? -1 : 1;
	if (a->at.line != b->at.line)
		return a->at.line < b->at.line ? -1 : 1;
	if (a->at.column != b->at.column)
		return a->at.column < b->at.column ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

/* The line at a position without its end; its length in *n. */
static const char *line_of(const struct position *at, size_t *n)
{
	const char *p = at->file->text, *end = p + at->file->len, *nl;
	uint32_t i;

	for (i = 1; i < at->line && p < end; i++) {
		nl = memchr(p, '\n', (size_t)(end - p));
		p = nl ? nl + 1 : end;
	}
	nl = memchr(p, '\n', (size_t)(end - p));
	*n = (size_t)((nl ? nl : end) - p);
	if (*n && p[*n - 1] == '\r')
		--*n;
	return p;
}

/* Characters of UTF-8 start at bytes that are not 10xxxxxx. */
static bool starts_char(char c)
{
	return ((unsigned char)c & 0xc0) != 0x80;
}

/* One byte of a line; what a terminal would take for a command is a dot. */
static void put_char(FILE *to, const char *s, size_t n)
{
	size_t len = starts_char(*s) ? str_shown(s, n) : 1;

	if (*s == '\t')
		putc(' ', to);
	else if (starts_char(*s) && len)
		fwrite(s, 1, len, to);
	else if (starts_char(*s))
		putc('.', to);
}

/* Names come from files, and so do the texts that have them in it. */
static void put_text(FILE *to, const char *s)
{
	_cleanup_free_ char *shown = str_escape(s);

	fputs(shown ? shown : "no memory", to);
}

/* The line with tabs as blanks and control characters as dots, and the caret below. A very long line is cut in front,
 * so that the place is still seen. */
static void print_line(const struct diag *x, FILE *to, bool color)
{
	size_t n, i, column = 0, skip = 0, shown = 0;
	const char *line = line_of(&x->at, &n);

	if (x->at.column > LINE_MAX_SHOWN / 2)
		skip = x->at.column - LINE_MAX_SHOWN / 2;
	fprintf(to, "%5u | %s", x->at.line, skip ? "..." : "");
	for (i = 0; i < n; i++) {
		if (starts_char(line[i])) {
			column++;
			if (column > skip && shown++ >= LINE_MAX_SHOWN)
				break;
		}
		if (column > skip)
			put_char(to, line + i, n - i);
	}
	fprintf(to, "%s\n      | %*s%s^", i < n ? "..." : "", (int)(x->at.column - 1 - skip + (skip ? 3 : 0)), "",
		color ? "\033[1;32m" : "");
	for (i = 1; i < x->at.width && i < LINE_MAX_SHOWN / 2; i++)
		putc('~', to);
	fprintf(to, "%s\n", color ? "\033[0m" : "");
}

static const char *const severity_names[] = {
	[SEVERITY_ERROR] = "error",
	[SEVERITY_WARNING] = "warning",
	[SEVERITY_NOTE] = "note",
};

static void print_one(const struct diag *x, FILE *to, bool color)
{
	static const char *const colors[] = {
		[SEVERITY_ERROR] = "\033[1;31m",
		[SEVERITY_WARNING] = "\033[1;35m",
		[SEVERITY_NOTE] = "\033[1;36m",
	};
	const char *severity = severity_names[x->severity], *on = color ? colors[x->severity] : "";
	const char *bold = color ? "\033[1m" : "", *off = color ? "\033[0m" : "";

	fprintf(to, "%s", bold);
	if (x->at.file) {
		put_text(to, x->at.file->name);
		putc(':', to);
	}
	if (x->at.line)
		fprintf(to, "%u:%u:", x->at.line, x->at.column);
	fprintf(to, "%s%s%s:%s ", x->at.file ? " " : "", on, severity, off);
	if (x->where && *x->where) {
		put_text(to, x->where);
		fputs(": ", to);
	}
	put_text(to, x->message ? x->message : "no memory");
	putc('\n', to);
	/* a note is one line: there may be many, and nothing to mend */
	if (x->at.file && x->at.line && x->severity != SEVERITY_NOTE)
		print_line(x, to, color);
	if (x->hint) {
		fputs("      = ", to);
		put_text(to, x->hint);
		putc('\n', to);
	}
}

void diags_print(struct diags *d, FILE *to, bool color)
{
	size_t i, shown = 0;

	if (d->count)
		qsort(d->list, d->count, sizeof *d->list, diag_compare);
	for (i = 0; i < d->count; i++) {
		print_one(&d->list[i], to, color);
		shown += d->list[i].severity == SEVERITY_ERROR;
	}
	if (d->errors > shown)
		fprintf(to, "... and %zu more errors\n", d->errors - shown);
}

static void json_string(FILE *to, const char *key, const char *s)
{
	fprintf(to, ", \"%s\": ", key);
	if (!s) {
		fputs("null", to);
		return;
	}
	putc('"', to);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			fprintf(to, "\\%c", *s);
		else if ((unsigned char)*s < 0x20)
			fprintf(to, "\\u%04x", *s);
		else
			putc(*s, to);
	}
	putc('"', to);
}

void diags_print_json(struct diags *d, FILE *to)
{
	size_t i;

	if (d->count)
		qsort(d->list, d->count, sizeof *d->list, diag_compare);
	fputc('[', to);
	for (i = 0; i < d->count; i++) {
		const struct diag *x = &d->list[i];

		fprintf(to, "%s\n {\"line\": %u, \"column\": %u, \"width\": %u", i ? "," : "", x->at.line, x->at.column,
			x->at.width);
		json_string(to, "file", x->at.file ? x->at.file->name : NULL);
		json_string(to, "severity", severity_names[x->severity]);
		json_string(to, "path", x->path && *x->path ? x->path : NULL);
		json_string(to, "message", x->message ? x->message : "no memory");
		json_string(to, "hint", x->hint);
		fputc('}', to);
	}
	fputs(d->count ? "\n]\n" : "]\n", to);
}
