#include "option.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "str.h"
#include "suggest.h"

/* --- values ------------------------------------------------------------------------------------------------------- */

static void *option_field(void *data, const struct option *o)
{
	return (char *)data + o->field;
}

int option_switch(const struct option *o, const char *value, bool *out, struct error *err)
{
	static const char *const yes[] = { "1", "t", "T", "true", "TRUE", "True", NULL };
	static const char *const no[] = { "0", "f", "F", "false", "FALSE", "False", NULL };
	size_t i;

	for (i = 0; value && yes[i]; i++) {
		if (str_eq(value, yes[i]) || str_eq(value, no[i])) {
			*out = str_eq(value, yes[i]);
			return 0;
		}
	}
	*out = true;
	return value ? error_set(err, 0, "--%s %s: it is one of false, true", o->name, value) : 0;
}

int option_set_switch(void *data, const struct option *o, const char *value, struct error *err)
{
	return option_switch(o, value, option_field(data, o), err);
}

int option_set_text(void *data, const struct option *o, const char *value, struct error *err)
{
	const char **field = option_field(data, o);

	(void)err;
	*field = value;
	return 0;
}

int option_set_list(void *data, const struct option *o, const char *value, struct error *err)
{
	return strv_add(option_field(data, o), value) < 0 ? error_set(err, ENOMEM, "--%s", o->name) : 0;
}

int option_set_number(void *data, const struct option *o, const char *value, struct error *err)
{
	uint64_t *field = option_field(data, o), n;

	if (str_to_u64(value, o->max, &n) < 0 || n < o->min)
		return error_set(err, 0, "--%s %s: not a number from %llu to %llu", o->name, value,
				 (unsigned long long)o->min, (unsigned long long)o->max);
	*field = n;
	return 0;
}

int option_set_choice(void *data, const struct option *o, const char *value, struct error *err)
{
	_cleanup_free_ char *all = strv_join((char *const *)o->choices, ", ");
	int i;

	for (i = 0; o->choices[i]; i++) {
		if (str_eq(o->choices[i], value)) {
			memcpy(option_field(data, o), &i, sizeof(i));
			return 0;
		}
	}
	return error_set(err, 0, "--%s %s: it is one of %s", o->name, value, all ? all : "");
}

int option_set_nothing(void *data, const struct option *o, const char *value, struct error *err)
{
	bool on;

	(void)data;
	return o->argument ? 0 : option_switch(o, value, &on, err);
}

/* --- the command line --------------------------------------------------------------------------------------------- */

struct option_reader {
	const struct option_syntax *syntax;
	char **next; /* the words that are still to be read */
	struct error *err;
};

static size_t name_length(const char *word)
{
	return strcspn(word, "=");
}

/* The row that a name of n bytes stands for, and the data of its table; NULL: none. */
static const struct option *option_find(const struct option_syntax *s, const char *name, size_t n, void **data)
{
	size_t i;

	for (i = 0; i < OPTION_TABLES; i++) {
		const struct option *o = s->tables[i].rows;

		*data = s->tables[i].data;
		for (; o && o->name; o++)
			if ((strlen(o->name) == n && strncmp(o->name, name, n) == 0) || (n == 1 && o->letter == *name))
				return o;
	}
	return NULL;
}

static int option_refuse(const struct option_reader *r, const char *word)
{
	const char *start = word + (word[1] == '-' ? 2 : 1), *names[128] = { 0 }, *near;
	_cleanup_free_ char *typed = strndup(start, name_length(start));
	size_t i, count = 0;

	for (i = 0; i < OPTION_TABLES; i++) {
		const struct option *o = r->syntax->tables[i].rows;

		for (; o && o->name && count + 1 < array_len(names); o++)
			names[count++] = o->name;
	}
	near = typed ? word_suggest(typed, names) : NULL;
	if (near)
		return error_set(r->err, 0, "unknown option %.*s: did you mean --%s?", (int)name_length(word), word,
				 near);
	return error_set(r->err, 0, "unknown option %.*s: `%s` lists them", (int)name_length(word), word,
			 r->syntax->help);
}

static bool is_digit(const char *s)
{
	return s && s[0] >= '0' && s[0] <= '9' && !s[1];
}

/* Hands the value to the option's setter; it is the next word where none was written behind the name. */
static int option_take(struct option_reader *r, const struct option *o, void *data, const char *word, const char *value)
{
	if (!o->set)
		return OPTION_HELP;
	if (!value && o->argument && (o->value_optional ? is_digit(*r->next) : *r->next != NULL))
		value = *r->next++;
	if (!value && o->argument && !o->value_optional)
		return error_set(r->err, 0, "option %s needs a value", word);
	return o->set(data, o, value, r->err);
}

/* -tn, -n5: each letter is an option; behind one that takes a value stands the value. */
static int option_cluster(struct option_reader *r, const char *word)
{
	const char *at;
	int result = 0;

	for (at = word + 1; *at; at++) {
		void *data;
		const struct option *o = option_find(r->syntax, at, 1, &data);

		if (!o)
			return option_refuse(r, word);
		if (o->argument)
			break;
	}
	for (at = word + 1; *at && result == 0; at++) {
		void *data;
		const struct option *o = option_find(r->syntax, at, 1, &data);

		if (o->argument)
			return option_take(r, o, data, word, at[1] == '=' ? at + 2 : at[1] ? at + 1 : NULL);
		result = option_take(r, o, data, word, NULL);
	}
	return result;
}

static int option_word(struct option_reader *r, const char *word)
{
	const char *name = word + (word[1] == '-' ? 2 : 1);
	size_t n = name_length(name);
	void *data;
	const struct option *o = option_find(r->syntax, name, n, &data);

	if (o)
		return option_take(r, o, data, word, name[n] ? name + n + 1 : NULL);
	if (r->syntax->letters_cluster && word[1] != '-')
		return option_cluster(r, word);
	return option_refuse(r, word);
}

int option_parse(const struct option_syntax *syntax, char **argv, struct error *err)
{
	struct option_reader r = { .syntax = syntax, .next = argv + (*argv ? 1 : 0), .err = err };
	char **words = r.next;
	bool ended = false;

	while (*r.next) {
		char *word = *r.next++;
		int result;

		if (ended || word[0] != '-' || !word[1]) {
			*words++ = word;
			ended |= syntax->words_end;
		} else if (str_eq(word, "--")) {
			ended = true;
		} else if ((result = option_word(&r, word)) != 0) {
			return result;
		}
	}
	*words = NULL;
	return 0;
}
