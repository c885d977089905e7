#include "runorder.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "io.h"
#include "order.h"

/* A record that waits. */
struct waiting {
	uint64_t time;
	struct runorder_piece piece;
};

int runorder_open(struct runorder *o, int dir, const char *name, struct error *err)
{
	*o = (struct runorder)RUNORDER_INIT;
	if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
		return error_set(err, errno, "log %s", name);
	o->fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_APPEND | O_CLOEXEC, 0644);
	return o->fd < 0 ? error_set(err, errno, "log %s", name) : 0;
}

static uint64_t time_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void record_write(struct runorder *o, uint64_t time, bool out, uint64_t offset, uint64_t n)
{
	struct order_record r = {
		.time = time,
		.offset = (uint32_t)offset,
		.length = (uint32_t)n | (out ? ORDER_OUT : 0),
	};

	if (n > 0 && offset <= UINT32_MAX && n <= ORDER_LENGTH)
		(void)!io_write(o->fd, &r, sizeof(r)); /* no room: the piece has no time */
}

void runorder_add(struct runorder *o, const struct runorder_piece *piece)
{
	struct waiting w = { .time = time_now(), .piece = *piece };

	if (o->fd < 0)
		return;
	if (piece->head && o->waiting.len == 0) {
		if (o->count++ < RUNORDER_FIRST)
			record_write(o, w.time, piece->out, piece->from, piece->n);
		return;
	}
	if (buf_add(&o->waiting, &w, sizeof(w)) == 0 && o->waiting.len > RUNORDER_LAST * sizeof(w))
		buf_consume(&o->waiting, sizeof(w));
}

static void waiting_write(struct runorder *o, const struct waiting *w, const struct runlog *log)
{
	uint64_t from = w->piece.from, end = from + w->piece.n;

	if (!w->piece.head) {
		from = from < log->tail_from ? log->tail_from : from;
		if (log->tail_size == 0 || end <= from)
			return; /* left out */
		from = from - log->tail_from + log->tail_at;
		end = end - log->tail_from + log->tail_at;
	}
	record_write(o, w->time, w->piece.out, from, end - from);
}

void runorder_end(struct runorder *o, const struct runlog *out, const struct runlog *err)
{
	struct waiting w;

	while (o->fd >= 0 && o->waiting.len >= sizeof(w)) {
		memcpy(&w, buf_bytes(&o->waiting), sizeof(w));
		buf_consume(&o->waiting, sizeof(w));
		waiting_write(o, &w, w.piece.out ? out : err);
	}
}

void runorder_clear(struct runorder *o)
{
	cleanup_close(&o->fd);
	buf_free(&o->waiting);
	*o = (struct runorder)RUNORDER_INIT;
}
