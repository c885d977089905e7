#include "logs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/fs.h>

#include "beneath.h"
#include "cleanup.h"
#include "io.h"
#include "str.h"

enum { FILE_NAME = LOGS_NAME + 32 };

void logs_name(const char *source, char out[LOGS_NAME + 1])
{
	size_t n = 0;

	for (; *source && n < LOGS_NAME; source++) {
		unsigned char c = (unsigned char)*source;

		out[n] = c < ' ' || c == 0x7f || c == '/' || (c == '.' && n == 0) ? '_' : (char)c;
		n++;
	}
	if (n == 0)
		out[n++] = '_';
	out[n] = '\0';
}

/* --- one file ------------------------------------------------------------------------------------------------------
 */

/* Whatever lies there instead of a log: away with it. */
static int place_clear(int dir, const char *file, struct error *err)
{
	char aside[FILE_NAME];

	if (unlinkat(dir, file, 0) == 0 || errno == ENOENT)
		return 0;
	for (int i = 0; i < 100; i++) {
		snprintf(aside, sizeof(aside), "%s.aside.%d", file, i);
		if (syscall(SYS_renameat2, dir, file, dir, aside, RENAME_NOREPLACE) == 0)
			return 0;
	}
	return error_set(err, errno, "%s is in the way", file);
}

static int file_open(struct logs *l, struct log_file *f, struct error *err)
{
	const struct beneath_want want = beneath_file(getuid());
	_cleanup_error_ struct error why = { 0 };
	char file[FILE_NAME];
	struct stat st;

	snprintf(file, sizeof(file), "%s.log", f->name);
	f->fd = beneath_open(l->dir, file, O_WRONLY | O_APPEND | O_CREAT, 0644, &want, &why);
	if (f->fd < 0 && why.code != ENOSPC && why.code != EROFS && why.code != EACCES) {
		if (place_clear(l->dir, file, err) < 0)
			return -1;
		error_clear(&why);
		f->fd = beneath_open(l->dir, file, O_WRONLY | O_APPEND | O_CREAT, 0644, &want, &why);
	}
	if (f->fd < 0)
		return error_move(err, &why);
	f->size = fstat(f->fd, &st) == 0 ? (uint64_t)st.st_size : 0;
	f->dirty = false;
	return 0;
}

static void file_close(struct log_file *f)
{
	if (f->fd >= 0 && f->dirty)
		fdatasync(f->fd); /* a failure was or will be one of write(2) as well */
	cleanup_close(&f->fd);
	free(f->name);
	*f = (struct log_file){ .fd = -1 };
}

/* NAME.log.8 becomes NAME.log.9, ..., NAME.log becomes NAME.log.0. */
static void file_rotate(struct logs *l, struct log_file *f)
{
	char from[FILE_NAME], to[FILE_NAME];

	fdatasync(f->fd);
	cleanup_close(&f->fd);
	f->fd = -1;
	for (uint64_t i = l->max_files; i-- > 0;) {
		snprintf(to, sizeof(to), "%s.log.%llu", f->name, (unsigned long long)i);
		if (i > 0)
			snprintf(from, sizeof(from), "%s.log.%llu", f->name, (unsigned long long)i - 1);
		else
			snprintf(from, sizeof(from), "%s.log", f->name);
		if (renameat(l->dir, from, l->dir, to) < 0 &&
		    (errno == EISDIR || errno == ENOTDIR || errno == EEXIST) && place_clear(l->dir, to, NULL) == 0)
			renameat(l->dir, from, l->dir, to); /* else what is there goes with the next rotation */
	}
}

/* Whether NAME.log is that file still: others may remove or move it. */
static bool file_same(const struct logs *l, const struct log_file *f)
{
	struct stat open_one, named;
	char file[FILE_NAME];

	snprintf(file, sizeof(file), "%s.log", f->name);
	return fstat(f->fd, &open_one) == 0 && fstatat(l->dir, file, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
		open_one.st_ino == named.st_ino && open_one.st_dev == named.st_dev;
}

/* --- all of them ---------------------------------------------------------------------------------------------------
 */

/* The name, or that of the rest once there are too many. */
static const char *name_known(struct logs *l, const char *name)
{
	if (strv_has(l->names, name))
		return name;
	if (strv_len(l->names) < LOGS_NAMES && strv_add(&l->names, name) == 0)
		return name;
	return LOGS_OTHER;
}

/* The open file of that name, or the one that was used least recently in its place. */
static struct log_file *file_find(struct logs *l, const char *name)
{
	struct log_file *oldest = l->files;

	for (struct log_file *f = l->files; f < l->files + LOGS_OPEN; f++) {
		if (f->name && str_eq(f->name, name))
			return f;
		if (!f->name || (oldest->name && f->used < oldest->used))
			oldest = f;
	}
	if (oldest->name)
		file_close(oldest);
	*oldest = (struct log_file){ .name = strdup(name), .fd = -1 };
	return oldest->name ? oldest : NULL;
}

static int line_write(struct logs *l, struct log_file *f, const char *line, size_t n, struct error *err)
{
	if (f->fd >= 0 && !file_same(l, f)) {
		cleanup_close(&f->fd);
		f->fd = -1;
	}
	if (f->fd < 0 && file_open(l, f, err) < 0)
		return -1;
	if (io_write(f->fd, line, n) < 0)
		return error_set(err, errno, "%s.log", f->name);
	f->size += n;
	f->dirty = true;
	if (f->size > l->max_size)
		file_rotate(l, f);
	return 0;
}

int logs_add(struct logs *l, const char *source, const char *line, size_t n, struct error *err)
{
	char name[LOGS_NAME + 1];
	struct log_file *f;

	logs_name(source, name);
	f = file_find(l, name_known(l, name));
	if (f && line_write(l, f, line, n, l->lost == 0 ? err : NULL) == 0) {
		f->used = ++l->turn;
		l->lost = 0;
		return 0;
	}
	if (!f && l->lost == 0)
		error_set(err, ENOMEM, "%s.log", name);
	l->lost++;
	return -1;
}

bool logs_sync(struct logs *l)
{
	bool any = false;

	for (struct log_file *f = l->files; f < l->files + LOGS_OPEN; f++) {
		if (!f->name || f->fd < 0 || !f->dirty)
			continue;
		fdatasync(f->fd);
		f->dirty = false;
		any = true;
	}
	return any;
}

void logs_close(struct logs *l)
{
	for (struct log_file *f = l->files; f < l->files + LOGS_OPEN; f++)
		if (f->name)
			file_close(f);
	strv_free(l->names);
	l->names = NULL;
}
