/* The formats of the disks that a machine had: what was told or made is not asked of the disk's content again. The
 * state directory's file .disks holds a line a disk, "ID FORMAT PATH"; the path is for people. */
#pragma once

#include <stddef.h>
#include <sys/stat.h>

#include "buf.h"
#include "error.h"

#define DISK_NOTES     ".disks"
#define DISK_NOTES_MAX (64u << 10)

/* Which file it is, whatever its name: it stays the same when the file is renamed, and is another one when it was
 * replaced. Caller frees; NULL without memory. */
char *disk_notes_id(int fd, const struct stat *st);

/* The format noted for a disk: a copy, the caller's. NULL: none (errno 0), or no memory. */
char *disk_notes_find(const char *text, const char *id);

/* Appends `text` with the note of one disk put in or replaced. The oldest ones go where there are too many. */
int disk_notes_set(struct buf *out, const char *text, const char *id, const char *format, const char *path,
		   struct error *err);
