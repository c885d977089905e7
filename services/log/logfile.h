/* Log files in a directory that containers may write to as well: /var/log is bound into log daemons. Whatever somebody
 * put there in a log's place (a link, a fifo, a directory, a file of another user or with a second name) is neither
 * written through nor waited for. It is taken away; a directory that is not empty is moved aside. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "error.h"

/* Opens FILE in dir (made when it is missing) for appending and reading. Returns the descriptor. */
int logfile_open(const char *dir, const char *file, struct error *err);

/* Whether FILE (suffix "") or FILE.1 (suffix ".1") is that file still, and how large it is. */
bool logfile_is(int fd, const char *dir, const char *file, const char *suffix, uint64_t *size);

/* Keeps the file as FILE.1 and returns a new one. When that cannot be done the file is emptied and returned. fd is
 * taken over. kept, which may be NULL, says which of the two it was. */
int logfile_turn(int fd, const char *dir, const char *file, bool *kept, struct error *err);

/* Opens FILE (suffix "") or FILE.1 (suffix ".1") for reading; -1 with code ENOENT where there is none. */
int logfile_view(const char *dir, const char *file, const char *suffix, struct error *err);

/* Appends at most `most` bytes from the end of the file. */
int logfile_take(int fd, size_t most, struct buf *out, struct error *err);
/* The same of FILE or FILE.1. One that is missing is empty. */
int logfile_read(const char *dir, const char *file, const char *suffix, size_t most, struct buf *out,
		 struct error *err);

/* Where the logs are: dir, unless that was a link before the first service was started, which is what the image wants;
 * then where that led. first: no service was started yet. The caller frees it; NULL without memory. */
char *logfile_dir(const char *dir, const char *record, bool first);
