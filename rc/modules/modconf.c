#include "modconf.h"

#include <errno.h>

#include "str.h"

static const char blanks[] = " \t\r";

void modconf_clear(struct modconf *conf)
{
	strv_free(conf->blacklist);
	strv_free(conf->options);
	strv_free(conf->needs);
	*conf = (struct modconf){ 0 };
}

void modconf_normalise(char *name)
{
	bool range = false;

	for (; *name; name++) {
		if (*name == '[' || *name == ']')
			range = *name == '[';
		else if (*name == '-' && !range)
			*name = '_';
	}
}

/* The next word of a line, its end marked by NUL; NULL at the end of the line. */
static char *word_take(char **at)
{
	char *word = *at + strspn(*at, blanks);
	size_t n = strcspn(word, blanks);

	if (n == 0)
		return NULL;
	*at = word + n;
	if (**at)
		*(*at)++ = '\0';
	return word;
}

/* Calls fn with each line, continued ones joined. The lines may be changed. Non-zero ends it and is returned. */
static int lines_each(const char *text, size_t size, int (*fn)(void *data, char *line), void *data)
{
	_cleanup_free_ char *copy = strndup(text, size); /* up to a NUL, which no such file has */
	char *at = copy, *next;
	int r = 0;

	if (!copy)
		return -1;
	for (char *p = copy; (p = strstr(p, "\\\n"));)
		p[0] = p[1] = ' ';
	for (; at && r == 0; at = next) {
		next = strchr(at, '\n');
		if (next)
			*next++ = '\0';
		r = fn(data, at);
	}
	return r;
}

static int softdep_parse(struct modconf *conf, const char *name, char *rest)
{
	bool before = false;
	char *word;

	while ((word = word_take(&rest))) {
		if (str_eq(word, "pre:") || str_eq(word, "post:")) {
			before = str_eq(word, "pre:");
			continue;
		}
		modconf_normalise(word);
		if (before && strv_addf(&conf->needs, "%s %s", name, word) < 0)
			return -1;
	}
	return 0;
}

static int conf_line(void *data, char *line)
{
	struct modconf *conf = data;
	char *verb = word_take(&line), *name = verb ? word_take(&line) : NULL;

	if (!name || *verb == '#')
		return 0;
	modconf_normalise(name);
	line += strspn(line, blanks);
	if (str_eq(verb, "blacklist"))
		return strv_add(&conf->blacklist, name);
	if (str_eq(verb, "options") && *line)
		return strv_addf(&conf->options, "%s %s", name, line);
	return str_eq(verb, "softdep") ? softdep_parse(conf, name, line) : 0;
}

int modconf_parse(struct modconf *conf, const char *text, size_t size)
{
	return lines_each(text, size, conf_line, conf);
}

static int list_line(void *data, char *line)
{
	char *name = word_take(&line);

	return name && *name != '#' && *name != ';' ? strv_add(data, name) : 0;
}

int modconf_parse_list(const char *text, size_t size, char ***names)
{
	return lines_each(text, size, list_line, names);
}

static int blacklist_add(struct modconf *conf, const char *list)
{
	_cleanup_strv_ char **names = strv_split(list, ",");

	for (char **n = names; n && *n; n++) {
		modconf_normalise(*n);
		if (strv_add(&conf->blacklist, *n) < 0)
			return -1;
	}
	return names ? 0 : -1;
}

int modconf_parse_cmdline(struct modconf *conf, const char *cmdline)
{
	_cleanup_strv_ char **words = strv_split(cmdline, " \t\r\n");
	int r = words ? 0 : -1;

	for (char **w = words; w && *w && r == 0; w++) {
		char *dot = strchr(*w, '.'), *equals = strchr(*w, '=');

		if (!dot || (equals && equals < dot))
			continue;
		*dot = '\0';
		modconf_normalise(*w);
		if (str_eq(*w, "modprobe"))
			r = str_starts(dot + 1, "blacklist=") ? blacklist_add(conf, equals + 1) : 0;
		else if (**w)
			r = strv_addf(&conf->options, "%s %s", *w, dot + 1);
	}
	return r;
}

char *modconf_options(const struct modconf *conf, const char *name)
{
	size_t n = strlen(name);
	_cleanup_strv_ char **found = calloc(1, sizeof(char *));

	for (char **o = conf->options; found && o && *o; o++)
		if (strncmp(*o, name, n) == 0 && (*o)[n] == ' ' && strv_add(&found, *o + n + 1) < 0)
			return NULL;
	return found ? strv_join(found, " ") : NULL;
}
