#include "settings.h"

#include <errno.h>
#include <string.h>

#include "str.h"
#include "toml.h"

static struct setting *setting_find(struct setting *settings, size_t count, const char *key)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq(settings[i].key, key))
			return &settings[i];
	return NULL;
}

static int setting_take(struct setting *s, struct toml_entry *e, struct error *err)
{
	if (s->value)
		return error_say(err, EINVAL, "line %u: %s: a second time", e->line, s->key);
	if (e->type != TOML_STRING)
		return error_say(err, EINVAL, "line %u: %s: the value is no string", e->line, s->key);
	s->value = steal_ptr(&e->text);
	return 0;
}

int settings_parse(const char *text, size_t n, struct setting *settings, size_t count, struct error *err)
{
	_cleanup_toml_ struct toml t = toml_begin(text, n);
	_cleanup_toml_entry_ struct toml_entry e = { 0 };
	int r;

	while ((r = toml_next(&t, &e, err)) > 0) {
		struct setting *s = setting_find(settings, count, e.key);

		if (s && setting_take(s, &e, err) < 0)
			return -1;
	}
	return r;
}
