#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "str.h"

static struct {
	const char *name;
	enum log_level level;
	bool uptime;
	int fd;
	void (*before)(void);
} self = { .level = LOG_LEVEL_INFO, .fd = STDERR_FILENO };

void log_setup(const char *name, enum log_level level, bool uptime)
{
	self.name = name;
	self.level = level;
	self.uptime = uptime;
}

void log_to(int fd)
{
	self.fd = fd;
}

void log_before(void (*fn)(void))
{
	self.before = fn;
}

bool log_shows(enum log_level level)
{
	return level <= self.level;
}

/* snprintf returns what it would have written; a cut line ends at the buffer's end. */
static size_t log_clamp(size_t at, int n, size_t size)
{
	if (n < 0)
		return at;
	return at + (size_t)n < size ? at + (size_t)n : size - 1;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	static const char *const prefix[] = { "error: ", "warning: ", "", "debug: " };
	char text[1024], line[1024];
	size_t at = 0, n, room = sizeof(line) - 1;
	int saved = errno;
	va_list ap;

	if (level > self.level)
		return;
	if (self.uptime) {
		struct timespec t;

		clock_gettime(CLOCK_BOOTTIME, &t);
		at = log_clamp(at, snprintf(line, room, "[%5lld.%06ld] ", (long long)t.tv_sec, t.tv_nsec / 1000), room);
	}
	if (self.name)
		at = log_clamp(at, snprintf(line + at, room - at, "%s: ", self.name), room);
	at = log_clamp(at, snprintf(line + at, room - at, "%s", prefix[level]), room);
	va_start(ap, fmt);
	n = log_clamp(0, vsnprintf(text, sizeof(text), fmt, ap), sizeof(text));
	va_end(ap);
	at += str_escape_to(line + at, room - at, text, n);
	line[at++] = '\n';
	if (self.before)
		self.before();
	/* Nothing can be said about a message that cannot be written. */
	if (write(self.fd, line, at) < 0)
		errno = saved;
	errno = saved;
}
