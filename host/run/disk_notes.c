#include "disk_notes.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "str.h"

enum { NOTES = 128, PATH_SHOWN = 256 };

char *disk_notes_id(int fd, const struct stat *st)
{
	struct statx x = { 0 };

	/* A device's node is made anew with each start of the host. */
	if (S_ISBLK(st->st_mode))
		return str_format("b%x:%x", major(st->st_rdev), minor(st->st_rdev));
	/* A file's number is given to another one when it is gone; where the file system knows, the time tells. */
	if (syscall(SYS_statx, fd, "", AT_EMPTY_PATH, STATX_BTIME, &x) < 0 || !(x.stx_mask & STATX_BTIME))
		memset(&x, 0, sizeof(x));
	return str_format("%llx:%llx:%llx.%x", (unsigned long long)st->st_dev, (unsigned long long)st->st_ino,
			  (unsigned long long)x.stx_btime.tv_sec, x.stx_btime.tv_nsec);
}

/* The line of a disk: its length with the newline, 0 for a line of another one. */
static size_t line_of(const char *line, const char *id)
{
	size_t n = strlen(id);

	return strncmp(line, id, n) == 0 && line[n] == ' ' ? strcspn(line, "\n") : 0;
}

static const char *next_line(const char *line)
{
	line += strcspn(line, "\n");
	return *line ? line + 1 : line;
}

char *disk_notes_find(const char *text, const char *id)
{
	errno = 0;
	for (const char *line = text; *line; line = next_line(line)) {
		const char *format = line + strlen(id) + 1;
		size_t n;

		if (!line_of(line, id))
			continue;
		n = strspn(format, "abcdefghijklmnopqrstuvwxyz0123456789-_");
		return n > 0 && (format[n] == ' ' || format[n] == '\n' || !format[n]) ? strndup(format, n) : NULL;
	}
	return NULL;
}

int disk_notes_set(struct buf *out, const char *text, const char *id, const char *format, const char *path,
		   struct error *err)
{
	_cleanup_free_ char *shown = strndup(path, PATH_SHOWN);
	size_t lines = 0;
	int r = shown ? 0 : -1;

	for (const char *line = text; *line; line = next_line(line))
		lines++;
	for (const char *line = text; r == 0 && *line; line = next_line(line)) {
		if (lines-- >= NOTES || line_of(line, id))
			continue;
		r = buf_add(out, line, strcspn(line, "\n"));
		if (r == 0)
			r = buf_addstr(out, "\n");
	}
	for (char *p = shown; p && *p; p++)
		if ((unsigned char)*p < ' ')
			*p = '?';
	if (r == 0)
		r = buf_addf(out, "%s %s %s\n", id, format, shown);
	return r < 0 ? error_set(err, ENOMEM, "notes of disks") : 0;
}
