#include "settings.h"

#include <errno.h>
#include <stdio.h>

#include "jsonr.h"
#include "jsonw.h"
#include "str.h"

enum { LIST_MAX = 1000 };

static int number_read(const struct jsonr *object, const char *name, uint64_t unit, uint64_t least, uint64_t most,
		       uint64_t *out, struct error *err)
{
	struct jsonr value = jsonr_get(object, name);
	uint64_t n;

	if (value.type == JSONR_NONE)
		return 0;
	if (jsonr_u64(&value, &n) < 0 || n < least || n > most || n % unit != 0)
		return error_set(err, 0, "%s: not a number that can be meant", name);
	*out = n;
	return 0;
}

static int text_read(const struct jsonr *object, const char *name, char **out, struct error *err)
{
	struct jsonr value = jsonr_get(object, name);
	char *text;

	if (value.type == JSONR_NONE)
		return 0;
	text = jsonr_text(&value);
	if (!text)
		return errno == ENOMEM ? error_set(err, ENOMEM, "%s", name) : error_set(err, 0, "%s: no text", name);
	free(*out);
	*out = text;
	return 0;
}

static int list_read(const struct jsonr *object, const char *name, char ***out, struct error *err)
{
	struct jsonr value = jsonr_get(object, name), item;
	struct jsonr_iter it = jsonr_iter(&value);
	_cleanup_strv_ char **list = NULL;
	size_t count = 0;

	if (value.type == JSONR_NONE)
		return 0;
	if (value.type != JSONR_ARRAY)
		return error_set(err, 0, "%s: no list", name);
	while (jsonr_element(&it, &item)) {
		char *text = jsonr_text(&item);

		if (!text || ++count > LIST_MAX) {
			free(text);
			return error_set(err, 0, "%s: no list of at most %d texts", name, LIST_MAX);
		}
		if (strv_take(&list, text) < 0)
			return error_set(err, ENOMEM, "%s", name);
	}
	strv_free(*out);
	*out = steal_ptr(&list);
	return 0;
}

int settings_parse(const char *text, size_t n, struct settings *s, struct error *err)
{
	struct jsonr all, context;

	if (jsonr_parse(text, n, &all, err) < 0)
		return -1;
	if (all.type != JSONR_OBJECT)
		return error_set(err, 0, "no object");
	context = jsonr_get(&all, "context");
	if (context.type != JSONR_NONE && context.type != JSONR_TRUE && context.type != JSONR_FALSE)
		return error_set(err, 0, "context: neither true nor false");
	if (context.type != JSONR_NONE)
		s->context = context.type == JSONR_TRUE;
	if (number_read(&all, "cpus", 1, 1, 4096, &s->cpus, err) < 0 ||
	    number_read(&all, "memory", SETTINGS_MIB, 16 * SETTINGS_MIB, UINT64_C(1) << 46, &s->memory, err) < 0 ||
	    number_read(&all, "disk", SETTINGS_MIB, 0, UINT64_C(1) << 60, &s->disk, err) < 0 ||
	    text_read(&all, "networking", &s->networking, err) < 0 ||
	    text_read(&all, "template", &s->template, err) < 0 || list_read(&all, "publish", &s->publish, err) < 0)
		return -1;
	return list_read(&all, "options", &s->options, err);
}

int settings_write(const struct settings *s, struct buf *out, struct error *err)
{
	struct jsonw w = { .out = out };

	jsonw_object(&w, NULL);
	jsonw_uint(&w, "cpus", s->cpus);
	jsonw_uint(&w, "memory", s->memory);
	jsonw_uint(&w, "disk", s->disk);
	if (s->networking)
		jsonw_string(&w, "networking", s->networking);
	jsonw_strings(&w, "publish", s->publish);
	jsonw_strings(&w, "options", s->options);
	if (s->template)
		jsonw_string(&w, "template", s->template);
	jsonw_bool(&w, "context", s->context);
	jsonw_end(&w);
	return jsonw_done(&w) < 0 || buf_addstr(out, "\n") < 0 ? error_set(err, ENOMEM, "settings") : 0;
}

void settings_clear(struct settings *s)
{
	free(s->networking);
	free(s->template);
	strv_free(s->publish);
	strv_free(s->options);
	*s = (struct settings){ 0 };
}

void settings_size_text(uint64_t bytes, char *out, size_t size)
{
	uint64_t mib = bytes / SETTINGS_MIB;
	bool whole = mib % 1024 == 0 && mib > 0;

	snprintf(out, size, "%llu%s", (unsigned long long)(whole ? mib / 1024 : mib), whole ? "G" : "M");
}
