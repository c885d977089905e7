#include "mountformat.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "str.h"

enum {
	TEXT_MAX = 1 << 20, /* of one field, far more than mount(2) takes */
};

/* --- values ------------------------------------------------------------------------------------------------------ */

static const char *blanks_skip(const char *at)
{
	return at + strspn(at, " \t");
}

/* A number behind blanks. */
static int index_take(const char **at, size_t count, size_t *out, struct error *err)
{
	_cleanup_free_ char *digits = NULL;
	const char *start = blanks_skip(*at);
	size_t n = strspn(start, "0123456789");
	uint64_t value;

	digits = n > 0 && n < 10 ? strndup(start, n) : NULL;
	if (!digits || str_to_u64(digits, UINT32_MAX, &value) < 0)
		return error_set(err, EINVAL, "mount value: no index");
	if (value >= count)
		return error_set(err, EINVAL, "mount value: index %s of %zu mounts", digits, count);
	*out = (size_t)value;
	*at = start + n;
	return 0;
}

static int overlay_add(struct buf *out, const struct mount_made *made, size_t from, size_t to, struct error *err)
{
	size_t i = from;

	for (;;) {
		if (out->len > TEXT_MAX)
			return error_set(err, E2BIG, "mount value");
		if (buf_addf(out, "%s%s", i == from ? "" : ":", made[i].point) < 0)
			return error_set(err, ENOMEM, "mount value");
		if (i == to)
			return 0;
		i = from < to ? i + 1 : i - 1;
	}
}

/* What stands between the braces; *at is behind the opening ones, and then behind the closing ones. */
static int value_add(struct buf *out, const char **at, const struct mount_made *made, size_t count, struct error *err)
{
	static const char *const names[] = { "source", "target", "mount", "overlay" };
	const char *start = blanks_skip(*at), *text = NULL;
	size_t n = strspn(start, "abcdefghijklmnopqrstuvwxyz"), which = 0, from, to;

	while (which < array_len(names) && !(strlen(names[which]) == n && memcmp(names[which], start, n) == 0))
		which++;
	if (which == array_len(names))
		return error_set(err, EINVAL, "mount value \"%.*s\"", (int)(n < 32 ? n : 32), start);
	*at = start + n;
	if (index_take(at, count, &from, err) < 0 || (which == 3 && index_take(at, count, &to, err) < 0))
		return -1;
	*at = blanks_skip(*at);
	if (strncmp(*at, "}}", 2) != 0)
		return error_set(err, EINVAL, "mount value: no }}");
	*at += 2;
	if (which == 3)
		return overlay_add(out, made, from, to, err);
	text = which == 0 ? made[from].source : which == 1 ? made[from].target : made[from].point;
	return buf_addstr(out, text) < 0 ? error_set(err, ENOMEM, "mount value") : 0;
}

char *mount_format(const char *text, const struct mount_made *made, size_t count, struct error *err)
{
	_cleanup_buf_ struct buf out = { 0 };
	const char *at = text, *open;
	char *result;

	while ((open = strstr(at, "{{"))) {
		if (out.len > TEXT_MAX) {
			error_set(err, E2BIG, "mount value");
			return NULL;
		}
		if (buf_add(&out, at, (size_t)(open - at)) < 0) {
			error_set(err, ENOMEM, "mount value");
			return NULL;
		}
		at = open + 2;
		if (value_add(&out, &at, made, count, err) < 0)
			return NULL;
	}
	result = buf_addstr(&out, at) < 0 ? NULL : buf_steal_text(&out);
	if (!result)
		error_set(err, ENOMEM, "mount value");
	return result;
}

/* --- directories -------------------------------------------------------------------------------------------------- */

static int number_parse(const char *text, int base, unsigned long max, unsigned *out)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, base);
	if (*text < '0' || *text > '9' || *end || errno || value > max)
		return -1;
	*out = (unsigned)value;
	return 0;
}

int mount_mkdir(const char *option, struct error *err)
{
	static const char prefix[] = "X-containerd.mkdir.", path_key[] = "path=";
	_cleanup_strv_ char **parts = NULL;
	unsigned mode = 0700, uid = 0, gid = 0;
	size_t n;

	if (!str_starts(option, prefix))
		return 0;
	option += strlen(prefix);
	if (!str_starts(option, path_key))
		return error_set(err, EINVAL, "mount option X-containerd.mkdir.%s", option);
	parts = strv_split(option + strlen(path_key), ":");
	if (!parts)
		return error_set(err, ENOMEM, "mount options");
	n = strv_len(parts);
	if ((n != 1 && n != 2 && n != 4) || *parts[0] != '/' || strstr(parts[0], "/..") ||
	    (n > 1 && number_parse(parts[1], 8, 0777, &mode) < 0) ||
	    (n > 2 &&
	     (number_parse(parts[2], 10, UINT32_MAX - 1, &uid) < 0 ||
	      number_parse(parts[3], 10, UINT32_MAX - 1, &gid) < 0)))
		return error_set(err, EINVAL, "mount option X-containerd.mkdir.%s", option);
	if (mkdir(parts[0], 0700) < 0)
		return errno == EEXIST ? 1 : error_set(err, errno, "make directory %s", parts[0]);
	if (chmod(parts[0], mode) < 0 || (n == 4 && chown(parts[0], uid, gid) < 0))
		return error_set(err, errno, "directory %s", parts[0]);
	return 1;
}
