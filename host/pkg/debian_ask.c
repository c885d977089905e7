/* Asking apt: which packages there are of these names, and which libraries they depend on, level by level. */
#include <errno.h>
#include <stdlib.h>

#include "debian_private.h"
#include "spawn.h"
#include "str.h"

/* Dependencies of dependencies end long before that. */
#define LEVELS_MAX 12

static int apt_show(struct debian *d, char *const *names, struct buf *out, struct error *err)
{
	_cleanup_strv_ char **argv = NULL;
	size_t i;

	if (debian_lists(d, err) < 0)
		return -1;
	if (strv_add(&argv, "apt-cache") < 0)
		return error_set(err, ENOMEM, "apt-cache");
	for (i = 0; d->apt[i]; i++)
		if (strv_add(&argv, d->apt[i]) < 0)
			return error_set(err, ENOMEM, "apt-cache");
	if (strv_add(&argv, "show") < 0 || strv_add(&argv, "--no-all-versions") < 0 || strv_add(&argv, "--") < 0)
		return error_set(err, ENOMEM, "apt-cache");
	for (i = 0; names[i]; i++)
		if (strv_add(&argv, names[i]) < 0)
			return error_set(err, ENOMEM, "apt-cache");
	/* The status only says that some name is unknown; which one, the missing answer says. */
	return apt_run(argv, NULL, out, err) < 0 ? -1 : 0;
}

static int debian_add_level(struct debian *d, char *const *names, unsigned level, struct error *err)
{
	_cleanup_(buf_free) struct buf text = { 0 };
	struct control c;
	long n;

	if (apt_show(d, names, &text, err) < 0)
		return -1;
	while ((n = control_parse(buf_text(&text), text.len, &c, err)) > 0) {
		/* Names that are only provided by others come back as those others. */
		if (!debian_find(d, c.name) && strv_has(names, c.name) && debian_append(d, &c, level, err) < 0) {
			control_clear(&c);
			return -1;
		}
		control_clear(&c);
		buf_consume(&text, (size_t)n);
	}
	return n < 0 ? -1 : 0;
}

/* By name, as Debian's policy has them: libraries that a program is linked against. */
static bool is_library(const char *name)
{
	static const char *const not [] = { "-perl", "-data", "-common", "-bin", "-dev", "-doc", "-dbg", "-modules" };
	size_t i;

	if (!str_starts(name, "lib") && !str_eq(name, "zlib1g"))
		return false;
	for (i = 0; i < array_len(not ); i++)
		if (str_ends(name, not [i]))
			return false;
	return true;
}

static int debian_next_names(struct debian *d, unsigned level, char ***names, struct error *err)
{
	size_t i, k;

	for (i = 0; i < d->count; i++)
		for (k = 0; d->list[i].level == level && d->list[i].control.depends && d->list[i].control.depends[k];
		     k++) {
			const char *name = d->list[i].control.depends[k];

			if (is_library(name) && !debian_find(d, name) && !strv_has(*names, name) &&
			    strv_add(names, name) < 0)
				return error_set(err, ENOMEM, "Debian packages");
		}
	return 0;
}

int debian_ask(struct debian *d, char *const *names, bool libraries, struct error *err)
{
	unsigned level;
	size_t i;

	if (debian_add_level(d, names, 0, err) < 0)
		return -1;
	for (i = 0; names[i]; i++)
		if (!debian_find(d, names[i]))
			return error_set(
				err, 0,
				"there is no Debian package %s for %s: is the name right, and has apt-get update "
				"been run?",
				names[i], d->arch);
	for (level = 0; libraries && level < LEVELS_MAX; level++) {
		_cleanup_strv_ char **more = NULL;

		if (debian_next_names(d, level, &more, err) < 0 ||
		    (more && debian_add_level(d, more, level + 1, err) < 0))
			return -1;
		if (!more)
			break;
	}
	return 0;
}
