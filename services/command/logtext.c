#include "logtext.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "buf.h"
#include "io.h"
#include "policy.h"
#include "str.h"

enum { SECOND_US = 1000000 };

size_t logtext_tail(const char *text, size_t len, long n)
{
	size_t at = len;

	if (n < 0)
		return 0;
	if (n == 0)
		return len;
	while (at > 0 && !(at < len && text[at - 1] == '\n' && --n == 0))
		at--;
	return at;
}

/* .5 and the like; *text moves behind it. */
static uint64_t fraction_parse(const char **text)
{
	uint64_t us = 0, unit = SECOND_US;

	if (**text != '.')
		return 0;
	for ((*text)++; **text >= '0' && **text <= '9'; (*text)++)
		us += (uint64_t)(**text - '0') * (unit /= 10);
	return us;
}

/* Z or +01:00, in seconds; nothing is UTC. -1: something else. */
static int zone_parse(const char *text, long *seconds)
{
	int hours, minutes, used = 0;

	*seconds = 0;
	if (!*text || str_eq(text, "Z"))
		return 0;
	if ((*text != '+' && *text != '-') || sscanf(text + 1, "%2d:%2d%n", &hours, &minutes, &used) != 2 ||
	    text[1 + used] || hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
		return -1;
	*seconds = (hours * 60L + minutes) * (*text == '-' ? -60 : 60);
	return 0;
}

static int date_parse(const char *text, uint64_t *out)
{
	struct tm tm = { 0 };
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	uint64_t us;
	long zone;
	time_t t;

	if (!rest) {
		tm = (struct tm){ 0 };
		rest = strptime(text, "%Y-%m-%d", &tm);
	}
	if (!rest)
		return -1;
	us = fraction_parse(&rest);
	if (zone_parse(rest, &zone) < 0)
		return -1;
	t = timegm(&tm) - zone;
	if (t < 0)
		return -1;
	*out = (uint64_t)t * SECOND_US + us;
	return 0;
}

static int seconds_parse(const char *text, uint64_t *out)
{
	size_t digits = strspn(text, "0123456789");
	_cleanup_free_ char *whole = strndup(text, digits);
	const char *rest = text + digits;
	uint64_t s, us;

	if (digits == 0 || !whole || str_to_u64(whole, INT64_MAX / SECOND_US, &s) < 0)
		return -1;
	us = fraction_parse(&rest);
	if (*rest)
		return -1;
	*out = s * SECOND_US + us;
	return 0;
}

int logtext_time_parse(const char *text, uint64_t now, uint64_t *out)
{
	uint64_t ago;

	if (seconds_parse(text, out) == 0 || date_parse(text, out) == 0)
		return 0;
	if (policy_duration(text, &ago) < 0)
		return -1;
	*out = ago < now ? now - ago : 0;
	return 0;
}

void logtext_time_format(char out[LOGTEXT_TIME], uint64_t time)
{
	time_t seconds = (time_t)(time / SECOND_US);
	struct tm tm;
	size_t n = 0;

	if (gmtime_r(&seconds, &tm) && tm.tm_year < 8100)
		n = strftime(out, LOGTEXT_TIME, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + n, LOGTEXT_TIME - n, ".%06uZ", (unsigned)(time % SECOND_US));
}

int logtext_write(struct logtext *l, int stream, uint64_t time, const char *text, size_t n, struct error *err)
{
	_cleanup_buf_ struct buf out = { 0 };
	char stamp[LOGTEXT_TIME] = "";
	int r = 0;

	if (time && l->times)
		logtext_time_format(stamp, time);
	/* A line that the other stream has begun ends here, or the time would stand within it. */
	if (l->times && l->within && stream != l->stream) {
		r |= buf_addstr(&out, "\n");
		l->within = false;
	}
	l->stream = stream;
	while (n > 0) {
		const char *end = memchr(text, '\n', n);
		size_t length = end ? (size_t)(end - text) + 1 : n;

		if (!l->within && stamp[0])
			r |= buf_addf(&out, "%s ", stamp);
		r |= buf_add(&out, text, length);
		l->within = !end;
		text += length;
		n -= length;
	}
	if (r < 0)
		return error_set(err, ENOMEM, "log");
	return io_write(STDOUT_FILENO, buf_bytes(&out), out.len) < 0 ? error_set(err, errno, "standard output") : 0;
}
