#include "setting.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io.h"
#include "str.h"

/* A file of settings is a few kilobytes. */
#define FILE_MAX_BYTES (1u << 20)

/* --- lines --------------------------------------------------------------------------------------- */

static void setting_trim(const char **s, const char **end)
{
	while (*s < *end && isspace((unsigned char)**s))
		++*s;
	while (*s < *end && isspace((unsigned char)(*end)[-1]))
		--*end;
}

static int setting_copy(const char *s, const char *end, char *out, size_t size)
{
	size_t n = (size_t)(end - s);

	if (n >= size || memchr(s, '\0', n))
		return -1;
	memcpy(out, s, n);
	out[n] = '\0';
	return 0;
}

/* Dots become slashes, and slashes dots, unless the first of the two in the name is a slash. */
static void path_from_dots(char *name)
{
	size_t first = strcspn(name, "./");

	if (name[first] != '.')
		return;
	for (; *name; name++)
		*name = *name == '.' ? '/' : *name == '/' ? '.' : *name;
}

int setting_parse(const char *line, size_t n, enum setting_names names, struct setting *out, struct error *err)
{
	const char *end = line + n, *equals, *name_end;
	char *path = out->path;

	setting_trim(&line, &end);
	out->optional = false;
	if (line == end || *line == '#' || *line == ';')
		return 0;
	equals = memchr(line, '=', (size_t)(end - line));
	if (!equals)
		return error_set(err, 0, "no '=' in \"%.*s\"", (int)(end - line > 100 ? 100 : end - line), line);
	if (*line == '-') {
		out->optional = true;
		line++;
	}
	name_end = equals++;
	setting_trim(&line, &name_end);
	setting_trim(&equals, &end);
	if (line == name_end || setting_copy(line, name_end, path, sizeof(out->path)) < 0)
		return error_set(err, 0, "no usable name in front of '='");
	if (setting_copy(equals, end, out->value, sizeof(out->value)) < 0)
		return error_set(err, 0, "%s: the value is too long", path);
	if (names == SETTING_DOTS)
		path_from_dots(path);
	if (strstr(path, "..") || strstr(path, "//") || path[0] == '/' || path[strlen(path) - 1] == '/')
		return error_set(err, 0, "%s: not a name of a setting", path);
	return 1;
}

/* --- files --------------------------------------------------------------------------------------- */

static int setting_write(int root, const struct setting *s, struct error *err)
{
	_cleanup_close_ int fd = openat(root, s->path, O_WRONLY | O_CLOEXEC);

	/* The kernel takes a value in one write. */
	if (fd < 0 || write(fd, s->value, strlen(s->value)) < 0)
		return error_set(err, errno, "%s = %s", s->path, s->value);
	return 0;
}

/* A fifo would hold up the boot for good. */
static int file_open(int dir, const char *name, struct error *err)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, errno, "%s", name);
	return S_ISREG(st.st_mode) ? steal_fd(&fd) : error_set(err, 0, "%s: this is no file", name);
}

/* Returns how many lines have failed. */
static int text_apply(const struct buf *text, const char *file, int root, enum setting_names names,
		      setting_failed_fn *failed)
{
	const char *p = buf_text(text), *end = p + text->len;
	struct setting s;
	int count = 0;

	while (p < end) {
		_cleanup_error_ struct error err = { 0 };
		const char *newline = memchr(p, '\n', (size_t)(end - p)), *stop = newline ? newline : end;
		int r = setting_parse(p, (size_t)(stop - p), names, &s, &err);

		if (r > 0)
			r = setting_write(root, &s, &err);
		if (r < 0 && !s.optional) {
			failed(file, &err);
			count++;
		}
		p = stop + 1;
	}
	return count;
}

int settings_apply(const char *config, const char *root, enum setting_names names, setting_failed_fn *failed,
		   struct error *err)
{
	_cleanup_close_ int dir = open(config, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_close_ int top = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_strv_ char **files = NULL;
	int count = 0;

	if (dir < 0)
		return error_set(err, errno, "%s", config);
	if (top < 0)
		return error_set(err, errno, "%s", root);
	files = dir_names(AT_FDCWD, config, false, err);
	if (!files)
		return -1;
	for (char **file = files; *file; file++) {
		_cleanup_close_ int fd = file_open(dir, *file, err);
		_cleanup_buf_ struct buf text = { 0 };

		if (fd < 0 || file_read_fd(fd, *file, FILE_MAX_BYTES, &text, err) < 0)
			return -1;
		count += text_apply(&text, *file, top, names, failed);
	}
	return count;
}
