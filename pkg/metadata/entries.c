#include "entries.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "jsonr.h"
#include "str.h"

enum { LEVELS_MAX = 32 };

struct reader {
	const struct sink *sink;
	size_t count;
	bool full; /* and that was said */
};

struct entry {
	struct jsonr perm, content, entries;
};

/* Members by name, whatever its case: Go's reader, which LinuxKit uses, has it so. The last one counts, null is none.
 */
static struct entry entry_make(const struct jsonr *object)
{
	struct entry e = { 0 };
	struct jsonr_iter it = jsonr_iter(object);
	struct jsonr key, value;

	while (object->type == JSONR_OBJECT && jsonr_member(&it, &key, &value)) {
		struct jsonr got = { 0 };

		if (value.type != JSONR_NULL)
			got = value;
		if (key.len == strlen("\"perm\"") && strncasecmp(key.start, "\"perm\"", key.len) == 0)
			e.perm = got;
		else if (key.len == strlen("\"content\"") && strncasecmp(key.start, "\"content\"", key.len) == 0)
			e.content = got;
		else if (key.len == strlen("\"entries\"") && strncasecmp(key.start, "\"entries\"", key.len) == 0)
			e.entries = got;
	}
	return e;
}

static int entry_mode(const struct entry *e, mode_t otherwise, mode_t *mode, struct error *err)
{
	_cleanup_free_ char *text = NULL;

	*mode = otherwise;
	if (e->perm.type == JSONR_NONE)
		return 0;
	text = jsonr_text(&e->perm);
	if (!text)
		return error_set(err, 0, "its perm is no text of octal digits");
	return *text ? mode_parse(text, mode, err) : 0;
}

static int file_put(struct reader *r, const char *path, const struct entry *e, struct error *err)
{
	struct sink_file file = { .path = path };
	_cleanup_free_ char *content = NULL;

	if (e->content.type != JSONR_STRING)
		return error_set(err, 0, "its content is no text");
	if (entry_mode(e, 0644, &file.mode, err) < 0)
		return -1;
	file.data = content = jsonr_bytes(&e->content, &file.n);
	if (!content)
		return error_set(err, ENOMEM, "its content");
	return r->sink->file(r->sink->data, &file, err);
}

static void level_read(struct reader *r, const char *dir, const struct jsonr *entries, unsigned level);

static int dir_put(struct reader *r, const char *path, const struct entry *e, unsigned level, struct error *err)
{
	mode_t mode;

	if (e->entries.type != JSONR_OBJECT)
		return error_set(err, 0, "its entries are no object");
	if (level == LEVELS_MAX)
		return error_set(err, 0, "more than %d directories in each other", LEVELS_MAX);
	if (entry_mode(e, 0755, &mode, err) < 0 || r->sink->dir(r->sink->data, path, mode, err) < 0)
		return -1;
	level_read(r, path, &e->entries, level + 1);
	return 0;
}

static int entry_put(struct reader *r, const char *dir, const char *name, const struct jsonr *value, unsigned level,
		     struct error *err)
{
	struct entry e = entry_make(value);
	char path[SINK_PATH_MAX];

	if (value->type != JSONR_OBJECT || (e.content.type == JSONR_NONE) == (e.entries.type == JSONR_NONE))
		return error_set(err, 0, "an entry has either \"content\" or \"entries\"");
	if (path_join(path, dir, name, err) < 0)
		return -1;
	return e.content.type != JSONR_NONE ? file_put(r, path, &e, err) : dir_put(r, path, &e, level, err);
}

/* One entry after the other; what is wrong with one is no matter of the next. */
static void level_read(struct reader *r, const char *dir, const struct jsonr *entries, unsigned level)
{
	struct jsonr_iter it = jsonr_iter(entries);
	struct jsonr key, value;

	while (jsonr_member(&it, &key, &value)) {
		_cleanup_free_ char *name = jsonr_text(&key), *shown = NULL;
		_cleanup_error_ struct error err = { 0 };

		if (r->count == SINK_ENTRIES_MAX) {
			if (!r->full)
				r->sink->say(r->sink->data, "userdata",
					     "it has more than 100,000 entries: the rest is left out");
			r->full = true;
			return;
		}
		r->count++;
		if (name && entry_put(r, dir, name, &value, level, &err) == 0)
			continue;
		if (!name)
			error_set(&err, 0, "its name holds a byte 0");
		shown = str_format("%s%s%s", dir, *dir ? "/" : "", name ? name : "");
		r->sink->say(r->sink->data, shown ? shown : dir, error_text(&err));
	}
}

int entries_read(const char *text, size_t n, const struct sink *sink, struct error *err)
{
	struct reader r = { .sink = sink };
	struct jsonr root;

	if (jsonr_parse(text, n, &root, err) < 0)
		return 0;
	if (root.type != JSONR_OBJECT) {
		error_set(err, 0, "JSON, but no object");
		return 0;
	}
	level_read(&r, "", &root, 0);
	return 1;
}
