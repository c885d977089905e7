#include "table.h"

#include <errno.h>
#include <linux/input.h>
#include <stdlib.h>
#include <string.h>

#include "str.h"

/* What a file may have: an image brings a handful. */
#define ROWS_MAX 256

void table_clear(struct table *t)
{
	for (size_t i = 0; i < t->event_count; i++)
		free(t->events[i].description);
	for (size_t i = 0; i < t->action_count; i++) {
		free(t->actions[i].word);
		free(t->actions[i].path);
	}
	free(t->events);
	free(t->actions);
	*t = (struct table){ 0 };
}

/* --- rows ------------------------------------------------------------------------------------------- */

static int event_add(struct table *t, uint16_t type, uint16_t code, int32_t value, const char *description,
		     struct error *err)
{
	struct event_row *grown = reallocarray(t->events, t->event_count + 1, sizeof(*grown));
	char *copy = strdup(description);

	if (grown)
		t->events = grown;
	if (!grown || !copy) {
		free(copy);
		return error_set(err, ENOMEM, "events");
	}
	t->events[t->event_count++] =
		(struct event_row){ .type = type, .code = code, .value = value, .description = copy };
	return 0;
}

static int action_add(struct table *t, const char *word, const char *path, struct error *err)
{
	struct action_row *grown = reallocarray(t->actions, t->action_count + 1, sizeof(*grown));
	struct action_row row = { .word = strdup(word), .path = strdup(path) };

	if (grown)
		t->actions = grown;
	if (!grown || !row.word || !row.path) {
		free(row.word);
		free(row.path);
		return error_set(err, ENOMEM, "actions");
	}
	t->actions[t->action_count++] = row;
	return 0;
}

int table_events_default(struct table *t, struct error *err)
{
	static const struct {
		uint16_t type, code;
		const char *description;
	} rows[] = {
		{ EV_KEY, KEY_POWER, "button/power PWRF 00000080" },
		/* only as a line: the other kind of power button */
		{ EV_KEY, KEY_POWER, "button/power PWRB 00000080" },
		{ EV_KEY, KEY_SLEEP, "button/sleep SLPB 00000080" },
		{ EV_SW, SW_LID, "button/lid LID0 00000080" },
	};

	for (size_t i = 0; i < array_len(rows); i++)
		if (event_add(t, rows[i].type, rows[i].code, 1, rows[i].description, err) < 0)
			return -1;
	return 0;
}

int table_actions_default(struct table *t, struct error *err)
{
	static const struct {
		const char *word, *path;
	} rows[] = {
		{ "PWRF", "PWRF/00000080" },
		{ "PWRB", "PWRF/00000080" },
		{ "SLPB", "SLPB/00000080" },
		{ "LID0", "LID/00000080" },
	};

	for (size_t i = 0; i < array_len(rows); i++)
		if (action_add(t, rows[i].word, rows[i].path, err) < 0)
			return -1;
	return 0;
}

/* --- files ------------------------------------------------------------------------------------------ */

/* Cuts the next word off; NULL: there is none. */
static char *word_next(char **rest)
{
	char *word = *rest + strspn(*rest, " \t\r");
	size_t n = strcspn(word, " \t\r");

	if (n == 0)
		return NULL;
	*rest = word + n + (word[n] != '\0');
	word[n] = '\0';
	return word;
}

/* What is left of a line, without the blanks around it; NULL: nothing. */
static char *rest_of(char *rest)
{
	char *end;

	rest += strspn(rest, " \t\r");
	end = rest + strlen(rest);
	while (end > rest && strchr(" \t\r", end[-1]))
		*--end = '\0';
	return *rest ? rest : NULL;
}

static int hexadecimal_parse(const char *s, unsigned long max, unsigned long *out)
{
	char *end;

	errno = 0;
	*out = strtoul(s, &end, 16);
	return errno || *end || !*s || *s == '-' || *s == '+' || *out > max ? -1 : 0;
}

static int event_line(struct table *t, char *line, struct error *err)
{
	char *type_name = word_next(&line), *type = word_next(&line), *code_name = word_next(&line),
	     *code = word_next(&line), *value = word_next(&line), *description = rest_of(line);
	unsigned long type_number;
	uint64_t code_number, value_number;

	if (!type_name || !type || !code_name || !code || !value || !description)
		return error_set(err, 0, "six fields are wanted: TYPE HEX-TYPE CODE CODE-NUMBER VALUE DESCRIPTION");
	if (hexadecimal_parse(type, EV_MAX, &type_number) < 0)
		return error_set(err, 0, "type %s: a hexadecimal number up to %#x is wanted", type, EV_MAX);
	if (str_to_u64(code, KEY_MAX, &code_number) < 0)
		return error_set(err, 0, "code %s: a number up to %d is wanted", code, KEY_MAX);
	if (str_to_u64(value, INT32_MAX, &value_number) < 0)
		return error_set(err, 0, "value %s: this is no number", value);
	return event_add(t, (uint16_t)type_number, (uint16_t)code_number, (int32_t)value_number, description, err);
}

/* A hook is a program of the folder of hooks. */
static int action_line(struct table *t, char *line, struct error *err)
{
	char *word = word_next(&line), *path = rest_of(line);

	if (!word || !path)
		return error_set(err, 0, "two fields are wanted: WORD PATH");
	if (path[0] == '/' || str_eq(path, "..") || str_starts(path, "../") || strstr(path, "/../") ||
	    str_ends(path, "/.."))
		return error_set(err, 0, "%s: a path below the folder of hooks is wanted", path);
	return action_add(t, word, path, err);
}

typedef int line_fn(struct table *t, char *line, struct error *err);

static int lines_parse(struct table *t, const char *text, size_t n, line_fn *fn, struct error *err)
{
	const char *end = text + n;
	size_t rows = 0;

	for (unsigned number = 1; text < end; number++) {
		const char *newline = memchr(text, '\n', (size_t)(end - text)), *stop = newline ? newline : end;
		char line[512], *first = line;
		size_t length = (size_t)(stop - text);

		if (length >= sizeof(line) || memchr(text, '\0', length))
			return error_set(err, 0, "line %u: it is too long, or no text", number);
		memcpy(line, text, length);
		line[length] = '\0';
		line[strcspn(line, "#")] = '\0';
		text = stop + 1;
		if (!rest_of(first))
			continue;
		if (rows++ == ROWS_MAX)
			return error_set(err, 0, "line %u: more than %d rows", number, ROWS_MAX);
		if (fn(t, first, err) < 0)
			return error_wrap(err, "line %u", number);
	}
	return 0;
}

int table_events_parse(struct table *t, const char *text, size_t n, struct error *err)
{
	return lines_parse(t, text, n, event_line, err);
}

int table_actions_parse(struct table *t, const char *text, size_t n, struct error *err)
{
	return lines_parse(t, text, n, action_line, err);
}

/* --- looking up ------------------------------------------------------------------------------------- */

ssize_t table_event(const struct table *t, uint16_t type, uint16_t code, int32_t value)
{
	for (size_t i = 0; i < t->event_count; i++) {
		const struct event_row *row = &t->events[i];

		if (row->type == type && row->code == code && row->value == value)
			return (ssize_t)i;
	}
	return -1;
}

ssize_t table_event_text(const struct table *t, const char *line)
{
	const char *last = strrchr(line, ' ');
	size_t n = last ? (size_t)(last - line) : strlen(line);

	for (size_t i = 0; n && i < t->event_count; i++)
		if (strncmp(t->events[i].description, line, n) == 0)
			return (ssize_t)i;
	return -1;
}

const char *table_action(const struct table *t, const char *description)
{
	for (size_t i = 0; i < t->action_count; i++)
		if (strstr(description, t->actions[i].word))
			return t->actions[i].path;
	return NULL;
}
