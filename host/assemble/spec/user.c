/* Users of an image by its own /etc/passwd and /etc/group, line by line; a line that makes no sense is passed over. */
#include "user.h"

#include <string.h>

#include "str.h"

/* Lines of passwd and group: name:password:number:rest. */
#define LINE_FIELDS 4
/* More is another file. */
#define LINE_LENGTH 65536

struct line {
	char *copy;
	char *fields[LINE_FIELDS]; /* the last one with all that follows */
	uint32_t number;
};

static void line_clear(struct line *l)
{
	free(l->copy);
	l->copy = NULL;
}
#define _cleanup_line_ _cleanup_(line_clear)

static int id_parse(const char *text, uint32_t *out)
{
	uint64_t v;

	/* -1 is "no change" to the kernel */
	if (str_to_u64(text, UINT32_MAX - 1, &v) < 0)
		return -1;
	*out = (uint32_t)v;
	return 0;
}

static bool line_parse(const char *text, size_t n, struct line *l)
{
	char *p;
	size_t i;

	l->copy = n < LINE_LENGTH && !memchr(text, '\0', n) ? strndup(text, n) : NULL;
	if (!l->copy)
		return false;
	for (p = l->copy, i = 0; i < LINE_FIELDS; i++) {
		l->fields[i] = p;
		p += i + 1 < LINE_FIELDS ? strcspn(p, ":") : strlen(p);
		if (*p)
			*p++ = '\0';
	}
	return *l->fields[0] && id_parse(l->fields[2], &l->number) == 0;
}

/* The next line that is one; false: the end. */
static bool line_next(struct user_file *file, struct line *l)
{
	while (file->len) {
		const char *end = memchr(file->text, '\n', file->len);
		size_t n = end ? (size_t)(end - file->text) : file->len;
		bool good;

		line_clear(l);
		good = line_parse(file->text, n, l);
		file->text += end ? n + 1 : n;
		file->len -= end ? n + 1 : n;
		if (good)
			return true;
	}
	return false;
}

/* By name, or by number; *is_number: the text is one. */
static bool line_find(struct user_file file, const char *text, struct line *l, bool *is_number, uint32_t *value)
{
	*is_number = id_parse(text, value) == 0;
	while (line_next(&file, l))
		if (str_eq(l->fields[0], text) || (*is_number && l->number == *value))
			return true;
	return false;
}

static bool is_member(const char *members, const char *name)
{
	size_t n = strlen(name);

	for (; *members; members += strcspn(members, ","), members += *members == ',')
		if (str_starts(members, name) && (members[n] == ',' || !members[n]))
			return true;
	return false;
}

static int add_groups(struct user_file group, const char *name, struct image_user *out, struct error *err)
{
	_cleanup_line_ struct line l = { 0 };

	while (line_next(&group, &l)) {
		if (!is_member(l.fields[3], name))
			continue;
		if (out->group_count == USER_GROUPS)
			return error_set(err, 0, "user \"%s\" is in more than %d groups", name, USER_GROUPS);
		out->groups[out->group_count++] = l.number;
	}
	return 0;
}

static int find_group(struct user_file group, const char *text, struct image_user *out, struct error *err)
{
	_cleanup_line_ struct line l = { 0 };
	bool is_number;

	if (line_find(group, text, &l, &is_number, &out->gid))
		out->gid = l.number;
	else if (!is_number)
		return error_set(err, 0, "its etc/group has no group \"%s\"", text);
	return 0;
}

int user_resolve(const char *user, struct user_file passwd, struct user_file group, struct image_user *out,
		 struct error *err)
{
	_cleanup_line_ struct line l = { 0 };
	const char *colon = strchr(user, ':'), *group_name = colon && colon[1] ? colon + 1 : NULL;
	_cleanup_free_ char *name = strndup(user, colon ? (size_t)(colon - user) : strlen(user));
	bool is_number, found;

	*out = (struct image_user){ 0 };
	if (!name)
		return error_set(err, 0, "no memory");
	found = line_find(passwd, *name ? name : "0", &l, &is_number, &out->uid);
	if (!found && !is_number)
		return error_set(err, 0, "its etc/passwd has no user \"%s\"", name);
	if (found) {
		char *gid = l.fields[3];

		out->uid = l.number;
		gid[strcspn(gid, ":")] = '\0';
		if (id_parse(gid, &out->gid) < 0)
			out->gid = 0;
	}
	if (group_name)
		return find_group(group, group_name, out, err);
	return found ? add_groups(group, l.fields[0], out, err) : 0;
}

bool user_is_root(const char *user)
{
	size_t n = strcspn(user, ":");

	return n == 0 || (n == 1 && user[0] == '0') || (n == 4 && str_starts(user, "root"));
}
