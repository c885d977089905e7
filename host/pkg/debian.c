/* Which packages: apt is asked (debian_ask.c), and its answer is remembered as long as it would be the same. */
#include "debian.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "debian_private.h"
#include "digest.h"
#include "io.h"
#include "paths.h"
#include "str.h"

/* What the answer depends on: the names, and apt's lists and configuration, by their times of change. */
static char *answer_name(const struct debian *d, char *const *names, bool libraries)
{
	_cleanup_(buf_free) struct buf text = { 0 };
	char hex[DIGEST_HEX];
	size_t i;
	int failed = buf_addf(&text, "4 %s %d\n", d->arch, libraries);

	for (i = 0; names[i]; i++)
		failed |= buf_addf(&text, "%s\n", names[i]);
	if (failed || apt_state(&text) < 0 || digest_bytes(buf_text(&text), text.len, hex) < 0)
		return NULL;
	return str_format("debs/answer-%.16s", hex);
}

/* The answer is kept as control data with the field Level. */
static void answer_remember(const struct debian *d, const char *path)
{
	_cleanup_(buf_free) struct buf text = { 0 };
	size_t i;
	int failed = 0;

	for (i = 0; i < d->count; i++) {
		const struct control *c = &d->list[i].control;

		failed |= buf_addf(&text, "Level: %u\n", d->list[i].level);
		failed |= control_write(c, &text);
		failed |= buf_addf(&text, "SHA256: %s\nSize: %llu\n\n", c->sha256, c->size);
	}
	if (!failed)
		file_write(path, buf_text(&text), text.len, 0644, NULL); /* it only saves time */
}

static bool answer_recall(struct debian *d, const char *path)
{
	_cleanup_(buf_free) struct buf text = { 0 };
	struct control c;
	long n;

	if (file_read(path, APT_OUTPUT_MAX, &text, NULL) < 0)
		return false;
	while ((n = control_parse(buf_text(&text), text.len, &c, NULL)) > 0) {
		unsigned level = 0;

		if (sscanf(buf_text(&text), " Level: %u", &level) != 1 || debian_append(d, &c, level, NULL) < 0) {
			control_clear(&c);
			return false;
		}
		buf_consume(&text, (size_t)n);
	}
	return n == 0 && d->count > 0;
}

static void debian_forget(struct debian *d)
{
	while (d->count > 0)
		control_clear(&d->list[--d->count].control);
	d->levels = 0;
}

int debian_resolve(struct debian *d, char *const *names, bool libraries, const char *arch, struct error *err)
{
	_cleanup_free_ char *name = NULL, *path = NULL;

	d->arch = strdup(arch);
	if (!d->arch)
		return error_set(err, ENOMEM, "Debian packages");
	name = answer_name(d, names, libraries);
	path = name ? path_cache(name, err) : NULL;
	if (!path)
		return name ? -1 : error_set(err, ENOMEM, "Debian packages");
	if (answer_recall(d, path))
		return 0;
	debian_forget(d);
	if (debian_ask(d, names, libraries, err) < 0)
		return -1;
	answer_remember(d, path);
	return 0;
}
