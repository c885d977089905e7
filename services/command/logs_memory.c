#include "logs_memory.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "client.h"
#include "io.h"
#include "logtext.h"
#include "memlog.h"
#include "once_logs.h"
#include "str.h"

enum { LINE_MOST = 1 << 20 };

int logs_memory_connect(void)
{
	return client_connect(MEMLOG_QUERY);
}

static int text_write(struct buf *text, struct error *err)
{
	int r = io_write(STDOUT_FILENO, buf_bytes(text), text->len);

	buf_clear(text);
	return r < 0 ? error_set(err, errno, "standard output") : 0;
}

/* NAME or NAME.out of a service; onboot.NNN-NAME of what onboot/NAME names, with or without the number. */
static bool source_is(const char *source, const char *name)
{
	size_t n = strlen(source);

	if (n > 4 && str_eq(source + n - 4, ".out"))
		n -= 4;
	if (once_logs_named(name)) {
		size_t digits;

		if (!str_starts(source, "onboot."))
			return false;
		source += strlen("onboot.");
		n -= strlen("onboot.");
		name = strchr(name, '/') + 1;
		digits = strspn(source, "0123456789");
		if (digits > 0 && source[digits] == '-' && strspn(name, "0123456789") != digits) {
			source += digits + 1;
			n -= digits + 1;
		}
	}
	return strlen(name) == n && strncmp(source, name, n) == 0;
}

struct memory_logs {
	const char *name;
	const struct logs_options *options;
	uint64_t next; /* the entry to go on with */
	bool found;
};

/* One entry becomes text in `out`, if it is of that service and not too old. */
static int line_take(struct memory_logs *m, const char *bytes, size_t n, struct buf *out)
{
	const struct logs_options *o = m->options;
	_cleanup_memlog_line_ struct memlog_line line;
	uint64_t time = 0;

	if (memlog_line_parse(bytes, n, &line, NULL) < 0)
		return 0;
	m->next = line.next;
	if (!source_is(line.source, m->name))
		return 0;
	m->found = true;
	if (logtext_time_parse(line.time, 0, &time) < 0)
		time = 0;
	if (time < o->since)
		return 0;
	return buf_addf(out, "%s%s%s\n", o->times ? line.time : "", o->times ? " " : "", line.msg);
}

static int lines_take(struct memory_logs *m, struct buf *in, struct buf *out)
{
	uint8_t *end;

	while ((end = memchr(buf_bytes(in), '\n', in->len))) {
		size_t length = (size_t)(end - buf_bytes(in));

		if (line_take(m, (char *)buf_bytes(in), length, out) < 0)
			return -1;
		buf_consume(in, length + 1);
	}
	return 0;
}

/* Until the connection ends. */
static int connection_show(struct memory_logs *m, int fd, struct buf *out, struct error *err)
{
	_cleanup_buf_ struct buf in = { 0 };
	uint8_t ask[MEMLOG_ASK];

	if (io_write(fd, ask, memlog_ask(ask, m->options->follow ? MEMLOG_BOTH : MEMLOG_DUMP, m->next)) < 0)
		return error_set(err, errno, MEMLOG_QUERY);
	for (;;) {
		uint8_t *p = buf_reserve(&in, 4096);
		ssize_t n = p ? read(fd, p, 4096) : -1;

		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return 0;
		if (n < 0 || in.len > LINE_MOST)
			return error_set(err, n < 0 ? errno : E2BIG, MEMLOG_QUERY);
		buf_commit(&in, (size_t)n);
		if (lines_take(m, &in, out) < 0)
			return error_set(err, ENOMEM, MEMLOG_QUERY);
		if (m->options->follow && text_write(out, err) < 0)
			return -1;
	}
}

int logs_memory_show(int fd, const char *name, const struct logs_options *o, struct error *err)
{
	struct memory_logs m = { .name = name, .options = o };
	_cleanup_buf_ struct buf out = { 0 };

	if (connection_show(&m, fd, &out, err) < 0)
		return -1;
	/* A daemon that was started again goes on where the last one ended. */
	while (o->follow && m.next > 0) {
		_cleanup_close_ int again = logs_memory_connect();

		if (again < 0)
			return error_set(err, errno, MEMLOG_QUERY);
		if (connection_show(&m, again, &out, err) < 0)
			return -1;
	}
	buf_consume(&out, logtext_tail(buf_text(&out), out.len, o->tail));
	return text_write(&out, err) < 0 ? -1 : m.found;
}
