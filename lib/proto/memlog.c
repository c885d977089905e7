#include "memlog.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "jsonr.h"
#include "jsonw.h"

void memlog_time_format(char out[MEMLOG_TIME], const struct timespec *time)
{
	struct tm tm = { .tm_mday = 1 };
	long fraction = time->tv_nsec;
	int digits = 9;
	size_t n;

	if (!gmtime_r(&time->tv_sec, &tm) || tm.tm_year < -1900 || tm.tm_year > 8099)
		tm = (struct tm){ .tm_year = 70, .tm_mday = 1 };
	n = strftime(out, MEMLOG_TIME, "%Y-%m-%dT%H:%M:%S", &tm);
	if (n == 0 || fraction < 0 || fraction > 999999999)
		fraction = 0;
	for (; fraction > 0 && fraction % 10 == 0; fraction /= 10)
		digits--;
	if (fraction > 0)
		n += (size_t)snprintf(out + n, MEMLOG_TIME - n, ".%0*ld", digits, fraction);
	snprintf(out + n, MEMLOG_TIME - n, "Z");
}

int memlog_json_add(struct buf *out, const struct memlog_entry *e)
{
	struct jsonw w = { .out = out, .compact = true };
	char time[MEMLOG_TIME];

	memlog_time_format(time, &e->time);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "time", time);
	jsonw_text(&w, "source", e->source, e->source_len);
	jsonw_text(&w, "msg", e->msg, e->msg_len);
	jsonw_uint(&w, "seq", e->number);
	jsonw_end(&w);
	return jsonw_done(&w) < 0 ? -1 : buf_add(out, "\n", 1);
}

int memlog_text_add(struct buf *out, const struct memlog_entry *e)
{
	char time[MEMLOG_TIME];
	int r;

	memlog_time_format(time, &e->time);
	r = buf_addf(out, "%s;", time);
	for (size_t i = 0; r == 0 && i < e->source_len; i++)
		r = e->source[i] == ';' ? buf_add(out, "\\;", 2) : buf_add(out, e->source + i, 1);
	return r < 0 || buf_add(out, ";", 1) < 0 || buf_add(out, e->msg, e->msg_len) < 0 ? -1 : buf_add(out, "\n", 1);
}

void memlog_line_clear(struct memlog_line *l)
{
	free(l->time);
	free(l->source);
	free(l->msg);
	*l = (struct memlog_line){ 0 };
}

static int field_take(const struct jsonr *doc, const char *key, char **out, struct error *err)
{
	struct jsonr v = jsonr_get(doc, key);

	*out = jsonr_text(&v);
	return *out ? 0 : error_say(err, EPROTO, "an entry without \"%s\"", key);
}

int memlog_line_parse(const char *line, size_t n, struct memlog_line *out, struct error *err)
{
	struct jsonr doc, seq;

	*out = (struct memlog_line){ 0 };
	if (jsonr_parse(line, n, &doc, err) < 0)
		return error_wrap(err, "an entry of the log");
	if (field_take(&doc, "time", &out->time, err) == 0 && field_take(&doc, "source", &out->source, err) == 0 &&
	    field_take(&doc, "msg", &out->msg, err) == 0) {
		seq = jsonr_get(&doc, "seq");
		if (jsonr_u64(&seq, &out->next) == 0 && out->next < UINT64_MAX)
			out->next++;
		else
			out->next = 0;
		return 0;
	}
	memlog_line_clear(out);
	return -1;
}

size_t memlog_ask(uint8_t out[MEMLOG_ASK], enum memlog_query mode, uint64_t next)
{
	out[0] = (uint8_t)(next > 0 ? MEMLOG_FROM : mode);
	for (int i = 0; i < 8; i++)
		out[1 + i] = (uint8_t)(next >> 8 * i);
	return next > 0 ? MEMLOG_ASK : 1;
}

size_t memlog_ask_parse(const uint8_t *bytes, size_t n, enum memlog_query *mode, uint64_t *next)
{
	size_t need = n > 0 && bytes[0] == MEMLOG_FROM ? MEMLOG_ASK : 1;

	if (n < need)
		return 0;
	*mode = bytes[0] <= MEMLOG_FROM ? bytes[0] : MEMLOG_DUMP;
	*next = 0;
	for (size_t i = need - 1; i > 0; i--)
		*next = *next << 8 | bytes[i];
	return need;
}
