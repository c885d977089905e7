#include "logs_memory.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "client.h"
#include "io.h"
#include "logtext.h"
#include "memory_line.h"

#define MEMLOGD_QUERY "/run/memlogdq.sock"

enum { LINE_MOST = 65536 };

/* What the daemon is asked for: all that it has, or that and what comes. */
enum { QUERY_ALL = 0, QUERY_FOLLOW = 2 };

int logs_memory_connect(void)
{
	return client_connect(MEMLOGD_QUERY);
}

static int text_write(struct buf *text, struct error *err)
{
	int r = io_write(STDOUT_FILENO, buf_bytes(text), text->len);

	buf_clear(text);
	return r < 0 ? error_set(err, errno, "standard output") : 0;
}

/* The whole lines in `in` become text in `out`. */
static int lines_take(struct buf *in, const char *name, const struct logs_options *o, struct buf *out)
{
	uint8_t *end;

	while ((end = memchr(buf_bytes(in), '\n', in->len))) {
		size_t length = (size_t)(end - buf_bytes(in));
		struct memory_line line = { 0 };
		uint64_t time = 0;
		int r = memory_line_parse((char *)buf_bytes(in), length, name, &line);

		if (r > 0 && line.time && logtext_time_parse(line.time, 0, &time) < 0)
			time = 0;
		if (r > 0 && time >= o->since)
			r = buf_addf(out, "%s%s%s\n", o->times && line.time ? line.time : "",
				     o->times && line.time ? " " : "", line.msg);
		memory_line_clear(&line);
		if (r < 0)
			return -1;
		buf_consume(in, length + 1);
	}
	return 0;
}

int logs_memory_show(int fd, const char *name, const struct logs_options *o, struct error *err)
{
	_cleanup_buf_ struct buf in = { 0 }, out = { 0 };
	const char mode = o->follow ? QUERY_FOLLOW : QUERY_ALL;

	if (io_write(fd, &mode, 1) < 0)
		return error_set(err, errno, MEMLOGD_QUERY);
	for (;;) {
		uint8_t *p = buf_reserve(&in, 4096);
		ssize_t n = p ? read(fd, p, 4096) : -1;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || in.len > LINE_MOST)
			return error_set(err, n < 0 ? errno : E2BIG, MEMLOGD_QUERY);
		if (n == 0)
			break;
		buf_commit(&in, (size_t)n);
		if (lines_take(&in, name, o, &out) < 0)
			return error_set(err, ENOMEM, MEMLOGD_QUERY);
		if (o->follow && text_write(&out, err) < 0)
			return -1;
	}
	buf_consume(&out, logtext_tail(buf_text(&out), out.len, o->tail));
	return text_write(&out, err);
}
