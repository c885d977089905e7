#include "exit_record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "bundle.h"
#include "io.h"
#include "jsonr.h"
#include "jsonw.h"
#include "str.h"

enum { RECORD_MAX = 4096, TIME_TEXT = 64 };

/* --- times as RFC 3339 has them ----------------------------------------------------------------------------------- */

/* Digits of a fixed width. */
static bool number_take(const char **at, size_t width, unsigned max, unsigned *out)
{
	*out = 0;
	for (size_t i = 0; i < width; i++, ++*at) {
		if (**at < '0' || **at > '9')
			return false;
		*out = *out * 10 + (unsigned)(**at - '0');
	}
	return *out <= max;
}

static bool char_take(const char **at, const char *one_of)
{
	if (**at == '\0' || !strchr(one_of, **at))
		return false;
	++*at;
	return true;
}

static bool fraction_take(const char **at, long *nsec)
{
	long unit = 100000000;

	*nsec = 0;
	if (**at != '.')
		return true;
	++*at;
	if (**at < '0' || **at > '9')
		return false;
	for (; **at >= '0' && **at <= '9'; ++*at, unit /= 10)
		*nsec += (**at - '0') * unit; /* what is finer than a nanosecond counts nothing */
	return true;
}

static bool zone_take(const char **at, long *seconds)
{
	unsigned hours, minutes;
	bool west = **at == '-';

	*seconds = 0;
	if (char_take(at, "Zz"))
		return true;
	if (!char_take(at, "+-") || !number_take(at, 2, 23, &hours) || !char_take(at, ":") ||
	    !number_take(at, 2, 59, &minutes))
		return false;
	*seconds = (long)(hours * 3600 + minutes * 60) * (west ? -1 : 1);
	return true;
}

static int time_parse(const char *text, struct timespec *out)
{
	unsigned year, month, day, hour, minute, second;
	const char *at = text;
	struct tm tm;
	long nsec, zone;

	if (!number_take(&at, 4, 9999, &year) || !char_take(&at, "-") || !number_take(&at, 2, 12, &month) ||
	    !char_take(&at, "-") || !number_take(&at, 2, 31, &day) || !char_take(&at, "Tt") ||
	    !number_take(&at, 2, 23, &hour) || !char_take(&at, ":") || !number_take(&at, 2, 59, &minute) ||
	    !char_take(&at, ":") || !number_take(&at, 2, 60, &second) || !fraction_take(&at, &nsec) ||
	    !zone_take(&at, &zone) || *at || month == 0 || day == 0 || year < 1970)
		return -1;
	tm = (struct tm){ .tm_year = (int)year - 1900,
			  .tm_mon = (int)month - 1,
			  .tm_mday = (int)day,
			  .tm_hour = (int)hour,
			  .tm_min = (int)minute,
			  .tm_sec = (int)second };
	*out = (struct timespec){ .tv_sec = timegm(&tm) - zone, .tv_nsec = nsec };
	return 0;
}

static int time_format(const struct timespec *t, char out[TIME_TEXT])
{
	struct tm tm;

	if (!gmtime_r(&t->tv_sec, &tm))
		return -1;
	snprintf(out, TIME_TEXT, "%04d-%02d-%02dT%02d:%02d:%02d.%09ldZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
		 tm.tm_hour, tm.tm_min, tm.tm_sec, t->tv_nsec);
	return 0;
}

/* --- the record --------------------------------------------------------------------------------------------------- */

int exit_record_parse(const char *text, size_t n, struct exit_record *out, struct error *err)
{
	struct jsonr doc, pid, status, at;
	_cleanup_free_ char *when = NULL;
	uint64_t p, s;

	if (jsonr_parse(text, n, &doc, err) < 0)
		return -1;
	pid = jsonr_get(&doc, "Pid");
	status = jsonr_get(&doc, "Status");
	at = jsonr_get(&doc, "Timestamp");
	when = jsonr_text(&at);
	if (jsonr_u64(&pid, &p) < 0 || p < 1 || p > 1 << 30)
		return error_set(err, 0, "Pid: no process id");
	if (jsonr_u64(&status, &s) < 0 || s > 255)
		return error_set(err, 0, "Status: no exit status");
	if (!when || time_parse(when, &out->at) < 0)
		return error_set(err, 0, "Timestamp: no time");
	out->pid = (int)p;
	out->status = (unsigned)s;
	return 0;
}

int exit_record_save(const char *bundle, const struct exit_record *r, struct error *err)
{
	_cleanup_buf_ struct buf text = { 0 };
	struct jsonw w = { .out = &text };
	char when[TIME_TEXT];

	if (time_format(&r->at, when) < 0)
		return error_set(err, ERANGE, "time of the end");
	jsonw_object(&w, NULL);
	jsonw_string(&w, "Timestamp", when);
	jsonw_int(&w, "Pid", r->pid);
	jsonw_uint(&w, "Status", r->status);
	jsonw_end(&w);
	if (jsonw_done(&w) < 0)
		return error_set(err, ENOMEM, "%s", EXIT_RECORD_FILE);
	return bundle_replace(bundle, EXIT_RECORD_FILE, buf_bytes(&text), text.len, err);
}

int exit_record_load(const char *bundle, struct exit_record *out, struct error *err)
{
	_cleanup_free_ char *path = str_format("%s/%s", bundle, EXIT_RECORD_FILE);
	_cleanup_buf_ struct buf text = { 0 };

	if (!path)
		return error_set(err, ENOMEM, "%s", bundle);
	if (file_read(path, RECORD_MAX, &text, err) < 0)
		return -1;
	if (exit_record_parse(buf_text(&text), text.len, out, err) < 0)
		return error_wrap(err, "%s", path);
	return 0;
}

void exit_record_forget(const char *bundle)
{
	_cleanup_free_ char *path = str_format("%s/%s", bundle, EXIT_RECORD_FILE);

	if (path)
		unlink(path);
}
