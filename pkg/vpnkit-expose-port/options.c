#include <string.h>

#include "expose.h"
#include "io.h"
#include "str.h"

enum { CONFIG_MAX = 64 * 1024 };

static const struct flag *flag_find(const struct flag *flags, size_t count, const char *name)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (str_eq(flags[i].name, name))
			return &flags[i];
	return NULL;
}

int flags_parse(const struct flag *flags, size_t count, int argc, char **argv, struct error *err)
{
	int i;

	for (i = 1; i < argc; i++) {
		char *name = argv[i], *value;
		const struct flag *f;

		if (name[0] != '-')
			return error_set(err, 0, "\"%s\": only options are taken", name);
		name += name[1] == '-' ? 2 : 1;
		value = strchr(name, '=');
		if (value)
			*value++ = '\0';
		f = flag_find(flags, count, name);
		if (!f)
			return error_set(err, 0, "unknown option -%s: -help lists them", name);
		if (f->set) {
			*f->set = !value || !str_eq(value, "false");
			continue;
		}
		if (!value && ++i < argc)
			value = argv[i];
		if (!value)
			return error_set(err, 0, "option -%s needs a value", name);
		*f->value = value;
	}
	return 0;
}

/* --- the configuration file --------------------------------------------------------------------------------------- */

/* The value of a line "control: VALUE" or "control = VALUE", without quotation marks. */
static char *line_control(const char *line, size_t n)
{
	static const char key[] = "control";
	const char *end = line + n;

	line += strspn(line, " \t\"'");
	if (line + strlen(key) >= end || strncasecmp(line, key, strlen(key)) != 0)
		return NULL;
	line += strlen(key);
	line += strspn(line, " \t\"'");
	if (line >= end || (*line != ':' && *line != '='))
		return NULL;
	line++;
	line += strspn(line, " \t\"'");
	while (end > line && strchr(" \t\r\"'", end[-1]))
		end--;
	return end > line ? strndup(line, (size_t)(end - line)) : NULL;
}

static char *text_control(const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "\n");
		char *found = line_control(text, n);

		if (found)
			return found;
		text += n + (text[n] == '\n');
	}
	return NULL;
}

static char *json_control(const struct buf *b)
{
	struct jsonr top, value;

	if (jsonr_parse(buf_text(b), b->len, &top, NULL) < 0)
		return NULL;
	value = jsonr_get(&top, "control");
	return jsonr_text(&value);
}

char *config_control(const char *dir)
{
	static const char *const kinds[] = {
		"json", "toml", "yaml", "yml", "properties", "props", "prop", "env", "ini"
	};
	size_t i;

	for (i = 0; i < array_len(kinds); i++) {
		_cleanup_free_ char *path = str_format("%s/vpnkit-expose-port.%s", dir, kinds[i]);
		_cleanup_buf_ struct buf b = { 0 };

		if (!path || file_read(path, CONFIG_MAX, &b, NULL) < 0)
			continue;
		return i == 0 ? json_control(&b) : text_control(buf_text(&b));
	}
	return NULL;
}
