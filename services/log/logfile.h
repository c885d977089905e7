/* Log files in a directory that containers may write to as well: /var/log is bound into log daemons. Whatever somebody
 * put there in a log's place (a link, a fifo, a directory, a file of another user or with a second name) is neither
 * written through nor waited for. It is taken away; a directory that is not empty is moved aside. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "error.h"

/* Opens NAME.log in dir (made when it is missing) for appending and reading. Returns the descriptor. */
int logfile_open(const char *dir, const char *name, struct error *err);

/* Whether NAME.log is that file still, and how large it is. */
bool logfile_is(int fd, const char *dir, const char *name, uint64_t *size);

/* Keeps the file as NAME.log.1 and returns a new one. When that cannot be done the file is emptied and returned. fd is
 * taken over. */
int logfile_turn(int fd, const char *dir, const char *name, struct error *err);

/* Opens NAME.log (suffix "") or NAME.log.1 (suffix ".1") for reading; -1 with code ENOENT where there is none. */
int logfile_view(const char *dir, const char *name, const char *suffix, struct error *err);

/* Where the logs are: dir, unless that was a link before the first service was started, which is what the image wants;
 * then where that led. first: no service was started yet. The caller frees it; NULL without memory. */
char *logfile_dir(const char *dir, const char *record, bool first);
