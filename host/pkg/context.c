/* Laying a build's folder out. What is put into the copy may be anybody's: no link in it is followed by what is put
 * there later. */
#include "context.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "context_place.h"
#include "depends.h"
#include "fields.h"
#include "io.h"
#include "sources.h"
#include "spawn.h"
#include "str.h"

/* SOURCE:DESTINATION in its parts; sources.c has refused what is not of that form. */
static int extra_parts(const struct recipe *r, const char *text, char **source, char **destination, struct error *err)
{
	const char *colon = strchr(text, ':');
	_cleanup_free_ char *named = strndup(text, colon ? (size_t)(colon - text) : 0);

	*source = *destination = NULL;
	if (!colon)
		return error_say(err, EINVAL, "extra-sources: \"%s\" is not SOURCE:DESTINATION", text);
	if (named)
		*source = named[0] == '/' ? strdup(named) : str_format("%s/%s", r->real_dir, named);
	*destination = strdup(colon + 1);
	if (*source && *destination)
		return 0;
	free(*source);
	free(*destination);
	return error_set(err, ENOMEM, "extra-sources");
}

char **context_extra_dirs(const struct recipe *r, struct error *err)
{
	const struct node *extra = node_field(r->root, RECIPE_EXTRA_SOURCES);
	_cleanup_strv_ char **dirs = NULL;
	size_t i;

	for (i = 0; extra && i < extra->count; i++) {
		_cleanup_free_ char *source = NULL, *destination = NULL;

		if (extra_parts(r, extra->items[i]->text, &source, &destination, err) < 0)
			return NULL;
		if (strv_take(&dirs, steal_ptr(&source)) < 0) {
			error_set(err, ENOMEM, "extra-sources");
			return NULL;
		}
	}
	return steal_ptr(&dirs);
}

/* All of a folder into another one, which is there. What is in the way is removed, never written through. */
static int copy_folder(const char *from, const char *to, struct error *err)
{
	_cleanup_free_ char *source = str_format("%s/.", from);
	char *const argv[] = { "cp", "-a", "--remove-destination", "--", source, (char *)to, NULL };
	struct spawn s = { .path = "cp", .argv = argv };
	_cleanup_buf_ struct buf output = { 0 };
	int status;

	if (!source)
		return error_set(err, ENOMEM, "%s", from);
	status = spawn_wait(&s, &output, 4096, 0, err);
	return status == 0   ? 0
		: status < 0 ? -1
			     : error_say(err, 0, "%.*s", (int)strcspn(buf_text(&output), "\n"), buf_text(&output));
}

static int context_add_extra(const char *folder, const struct recipe *r, const char *text, struct error *err)
{
	_cleanup_free_ char *source = NULL, *destination = NULL, *to = NULL, *real = NULL;

	if (extra_parts(r, text, &source, &destination, err) < 0)
		return -1;
	/* A name inside of the folder may be a link that leads out: only what was named as outside may be there. */
	real = source_find(r, source, err);
	if (!real)
		return error_wrap(err, "extra-sources: %s", text);
	to = context_place(folder, destination, "extra-sources", err);
	if (!to || dir_make(to, 0755, err) < 0)
		return -1;
	return copy_folder(real, to, err) < 0 ? error_wrap(err, "extra-sources: %s", text) : 0;
}

int context_lay(const char *folder, const struct recipe *r, struct store *store, const struct platform *platform,
		struct error *err)
{
	const struct node *extra = node_field(r->root, RECIPE_EXTRA_SOURCES);
	size_t i;

	if (copy_folder(r->real_dir, folder, err) < 0)
		return -1;
	for (i = 0; extra && i < extra->count; i++)
		if (context_add_extra(folder, r, extra->items[i]->text, err) < 0)
			return -1;
	return depends_add(folder, r, store, platform, err);
}
