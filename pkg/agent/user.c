#include "user.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "io.h"
#include "str.h"

/* A line's fields, which colons part. */
struct line {
	const char *field[7];
	size_t len[7];
	size_t count;
};

/* The next line of *text; false at the end. */
static bool line_next(const char **text, struct line *l)
{
	const char *p = *text, *end;

	if (!*p)
		return false;
	end = p + strcspn(p, "\n");
	*text = *end ? end + 1 : end;
	*l = (struct line){ 0 };
	while (l->count < array_len(l->field)) {
		size_t n = strcspn(p, ":\n");

		l->field[l->count] = p;
		l->len[l->count++] = n;
		p += n;
		if (*p != ':')
			break;
		p++;
	}
	return true;
}

static bool field_is(const struct line *l, size_t i, const char *text, size_t n)
{
	return i < l->count && l->len[i] == n && memcmp(l->field[i], text, n) == 0;
}

static bool number_parse(const char *text, size_t n, uint32_t *out)
{
	char digits[11];
	uint64_t v;

	if (n == 0 || n >= sizeof(digits))
		return false;
	memcpy(digits, text, n);
	digits[n] = '\0';
	/* The last one means "no user" in system calls. */
	if (str_to_u64(digits, UINT32_MAX - 1, &v) < 0)
		return false;
	*out = (uint32_t)v;
	return true;
}

static bool field_number(const struct line *l, size_t i, uint32_t *out)
{
	return i < l->count && number_parse(l->field[i], l->len[i], out);
}

/* Whether a comma-separated list has the name. */
static bool list_has(const char *list, size_t n, const char *name, size_t len)
{
	size_t at = 0;

	while (at < n) {
		const char *comma = memchr(list + at, ',', n - at);
		size_t part = comma ? (size_t)(comma - list) - at : n - at;

		if (part == len && memcmp(list + at, name, len) == 0)
			return true;
		at += part + 1;
	}
	return false;
}

static void groups_collect(const char *group, const char *name, size_t len, struct user *u)
{
	struct line l;
	uint32_t gid;

	while (line_next(&group, &l) && u->group_count < USER_GROUPS)
		if (l.count >= 4 && list_has(l.field[3], l.len[3], name, len) && field_number(&l, 2, &gid))
			u->groups[u->group_count++] = gid;
}

/* By name, else by number. */
static bool passwd_find(const char *passwd, const char *name, size_t len, struct line *found)
{
	const char *at = passwd;
	uint32_t want, uid;
	struct line l;

	while (line_next(&at, &l)) {
		if (len > 0 && field_is(&l, 0, name, len)) {
			*found = l;
			return true;
		}
	}
	if (!number_parse(name, len, &want))
		return false;
	for (at = passwd; line_next(&at, &l);) {
		if (field_number(&l, 2, &uid) && uid == want) {
			*found = l;
			return true;
		}
	}
	return false;
}

static int group_set(const char *group, const char *name, struct user *u, struct error *err)
{
	struct line l;

	while (*name && line_next(&group, &l))
		if (field_is(&l, 0, name, strlen(name)) && field_number(&l, 2, &u->gid))
			return 0;
	if (number_parse(name, strlen(name), &u->gid))
		return 0;
	return error_set(err, 0, "no group '%s' in the container's /etc/group", name);
}

int user_parse(const char *spec, const char *passwd, const char *group, struct user *out, struct error *err)
{
	const char *colon = strchr(spec, ':');
	size_t len = colon ? (size_t)(colon - spec) : strlen(spec);
	struct line l;

	*out = (struct user){ 0 };
	if (passwd_find(passwd, spec, len, &l)) {
		if (!field_number(&l, 2, &out->uid) || !field_number(&l, 3, &out->gid))
			return error_set(err, 0, "user '%.*s': broken line in the container's /etc/passwd", (int)len,
					 spec);
		if (l.count >= 6 && l.len[5] < sizeof(out->home))
			memcpy(out->home, l.field[5], l.len[5]);
		if (!colon)
			groups_collect(group, l.field[0], l.len[0], out);
	} else if (!number_parse(spec, len, &out->uid)) {
		return error_set(err, 0, "no user '%.*s' in the container's /etc/passwd", (int)len, spec);
	}
	return colon ? group_set(group, colon + 1, out, err) : 0;
}

/* A container's file, which the container may have made anything of. A missing one is empty. */
static int contents_read(int root, const char *path, struct buf *out, struct error *err)
{
	struct open_how how = { .flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
				.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	_cleanup_close_ int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	struct stat st;
	uint8_t *p;
	ssize_t n;

	if (fd < 0)
		return errno == ENOENT ? buf_addstr(out, "") : error_set(err, errno, "the container's %s", path);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > USER_FILE_MAX)
		return error_set(err, 0, "the container's %s is no small file", path);
	p = buf_reserve(out, (size_t)st.st_size + 1);
	n = p ? io_read(fd, p, (size_t)st.st_size) : -1;
	if (n < 0)
		return error_set(err, errno, "the container's %s", path);
	buf_commit(out, (size_t)n);
	return buf_addstr(out, "");
}

int user_find(int pid, const char *spec, struct user *out, struct error *err)
{
	_cleanup_buf_ struct buf passwd = { 0 }, group = { 0 };
	_cleanup_close_ int root = -1;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/root", pid);
	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return error_set(err, errno, "the container's root");
	if (contents_read(root, "/etc/passwd", &passwd, err) < 0 || contents_read(root, "/etc/group", &group, err) < 0)
		return -1;
	return user_parse(spec, buf_text(&passwd), buf_text(&group), out, err);
}
