/* Whole reads and writes, small files, directories. Offsets and sizes in bytes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "buf.h"
#include "error.h"

/* Until n bytes or end of file; returns the count read, -1 with errno. EINTR is retried. */
ssize_t io_read(int fd, void *data, size_t n);
ssize_t io_pread(int fd, void *data, size_t n, off_t offset);
/* All n bytes or -1 with errno. EINTR is retried. For blocking descriptors. */
int io_write(int fd, const void *data, size_t n);

int io_nonblock(int fd);

/* What main() does first: /dev/null in the place of each of descriptors 0, 1 and 2 that whoever started the program had
 * closed. Without it the next file that is opened gets that number, and what is said goes into that file. */
void io_fill_standard(void);

/* The descriptors above 2 that are open now: of what started the program, when it is called first. -1 after the last.
 * Caller frees; NULL without memory or /proc. */
int *io_open_fds(void);

/* Appends a file's content; more than max bytes is an error (EFBIG). dirfd as for openat(2). */
int file_read_at(int dirfd, const char *path, size_t max, struct buf *out, struct error *err);
/* The same from an open descriptor; name is for the message. */
int file_read_fd(int fd, const char *name, size_t max, struct buf *out, struct error *err);
int file_read(const char *path, size_t max, struct buf *out, struct error *err);
/* The first line of a small file (at most 4096 bytes) without its newline; NULL on failure. Caller frees. */
char *file_line(const char *path, struct error *err);

/* Writes into an existing file such as one of /proc or /sys with a single write(2). */
int file_poke(const char *path, const char *text, struct error *err);
/* Replaces the file in one step: temporary name beside it, fsync, rename. Nothing stays behind on failure; what a
 * writer that was killed leaves, dir_sweep() takes away. */
int file_write(const char *path, const void *data, size_t n, mode_t mode, struct error *err);

/* The names in a directory, sorted, NULL-terminated; those that begin with a dot are left out, unless hidden ("." and
 * ".." always are). NULL: the error has the code, ENOENT where there is no such directory. The caller frees
 * (strv_free). */
char **dir_names(int dirfd, const char *path, bool hidden, struct error *err);

/* Removes from a directory what file_write() left there when its process was killed. For a directory with one writer
 * only: the file that another is writing would go as well. */
void dir_sweep(const char *path);

/* Makes a directory and its missing parents. An existing directory is fine. */
int dir_make(const char *path, mode_t mode, struct error *err);
/* Removes a tree (never crosses a mount point, never follows links). A missing path is fine. */
int dir_remove(const char *path, struct error *err);
