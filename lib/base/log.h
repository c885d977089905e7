/* What a program says: one line a message, to standard error, prefixed with the program's name.
 * For programs' main files and daemons' event loops; library code returns errors instead. */
#pragma once

#include <stdbool.h>

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

/* Name put in front of each line; the string is kept, not copied. uptime: "[    1.234567] " (seconds since
 * boot, as the kernel prints it) goes in front of that. Messages above `level` are dropped. Default: no name, INFO. */
void log_setup(const char *name, enum log_level level, bool uptime);
/* Another descriptor than 2, such as /dev/kmsg or the console. */
void log_to(int fd);

/* Called in front of each line that is written: what stands unfinished on the terminal goes away. */
void log_before(void (*fn)(void));
/* Whether messages of that level are written. */
bool log_shows(enum log_level level);

/* What a terminal would take for a command is shown as an escape (str.h): names come from images, guests and files.
 * A line is one write(2), so that lines of several processes do not mix; over 1000 bytes are cut. */
void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)
