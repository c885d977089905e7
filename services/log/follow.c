#include "follow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "capture.h"
#include "cleanup.h"
#include "io.h"
#include "logfile.h"

/* LOG_MOST: somebody may have made a file longer than the supervisor does. */
enum { LOG_MOST = 2 * CAPTURE_FILE_MAX, PIECE_MOST = 1 << 20, BEGIN_TRIES = 20 };
/* It is not known where in its file the next piece begins: its record says so. */
static const uint64_t AT_UNKNOWN = UINT64_MAX;

static bool record_is_mark(const struct order_record *r)
{
	return (r->length & ORDER_LENGTH) == 0;
}

/* --- records ------------------------------------------------------------------------------------------------------ */

static int record_add(struct log_follow *f, const struct order_record *r)
{
	if (f->next == f->count)
		f->next = f->count = 0;
	if (f->count == f->cap) {
		size_t cap = f->cap ? f->cap * 2 : 64;
		struct order_record *grown = reallocarray(f->list, cap, sizeof(*grown));

		if (!grown)
			return -1;
		f->list = grown;
		f->cap = cap;
	}
	f->list[f->count++] = *r;
	return 0;
}

/* Records are lost: both streams go on in whatever file the next one speaks of. */
static int gap_add(struct log_follow *f)
{
	for (uint32_t s = 0; s < 2; s++) {
		struct order_record r = { .offset = UINT32_MAX, .length = ORDER_ANEW | (s ? ORDER_OUT : 0) };

		if (record_add(f, &r) < 0)
			return -1;
	}
	return 0;
}

static int records_read(struct log_follow *f)
{
	struct order_record r[64];

	for (;;) {
		ssize_t n = io_pread(f->order_fd, r, sizeof(r), f->order_at);
		size_t count = n < 0 ? 0 : (size_t)n / sizeof(*r);

		for (size_t i = 0; i < count; i++)
			if (record_add(f, &r[i]) < 0)
				return -1;
		f->order_at += (off_t)(count * sizeof(*r));
		if (count < sizeof(r) / sizeof(*r))
			return 0;
	}
}

/* All records that have come; then on in the new file when it was turned. */
static int records_load(struct log_follow *f)
{
	for (;;) {
		uint64_t size = 0, older;
		/* Looked at first: nothing comes to the old file once there is a new one. */
		bool same = f->order_fd >= 0 && logfile_is(f->order_fd, f->dir, f->order, "", &size);
		int next;

		if (same && f->order_at > (off_t)size) {
			f->order_at = 0;
			if (gap_add(f) < 0)
				return -1;
		}
		if (f->order_fd >= 0 && records_read(f) < 0)
			return -1;
		if (same)
			return 0;
		/* Between two files there is none for a moment. */
		next = logfile_view(f->dir, f->order, "", NULL);
		if (next < 0)
			return 0;
		if (f->order_fd >= 0) {
			f->order_at = 0;
			if (!logfile_is(f->order_fd, f->dir, f->order, ".1", &older) && gap_add(f) < 0) {
				close(next);
				return -1;
			}
		}
		cleanup_close(&f->order_fd);
		f->order_fd = next;
	}
}

static enum order_fate fate_find(const struct log_follow *f, int stream, uint64_t *inode)
{
	return order_fate_find(f->list + f->next, f->count - f->next, stream, inode);
}

/* --- pieces ------------------------------------------------------------------------------------------------------- */

static void stream_close(struct log_follow *f, int s)
{
	cleanup_close(&f->fd[s]);
	f->fd[s] = -1;
}

static bool file_has(int fd, uint64_t inode)
{
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && st.st_ino == inode;
}

/* Opens the file of the present piece; -1: its bytes are lost. */
static int file_find(const struct log_follow *f, int s, enum order_fate fate, uint64_t inode)
{
	_cleanup_close_ int fd = -1;

	if (fate != ORDER_FATE_PRESENT && fate != ORDER_FATE_OLDER)
		return -1;
	fd = logfile_view(f->dir, f->file[s], fate == ORDER_FATE_OLDER ? ".1" : "", NULL);
	/* FILE.1 is replaced before that is marked. */
	if (inode != 0 && !file_has(fd, inode))
		return -1;
	return steal_fd(&fd);
}

/* Reads on, at most up to `to`. 0: there is nothing more; *again: the file was turned meanwhile. */
static ssize_t piece_read(struct log_follow *f, int s, uint64_t to, struct buf *out, bool *again)
{
	size_t want = to - f->at[s] < PIECE_MOST ? (size_t)(to - f->at[s]) : PIECE_MOST;
	bool held = f->fd[s] >= 0;
	uint64_t inode, after_inode;
	enum order_fate fate = fate_find(f, s, &inode), after;
	uint8_t *p;
	ssize_t n;

	*again = false;
	if (!held)
		f->fd[s] = file_find(f, s, fate, inode);
	if (f->fd[s] < 0)
		n = 0;
	else if (!(p = buf_reserve(out, want)))
		return -1;
	else
		n = io_pread(f->fd[s], p, want, (off_t)f->at[s]);
	if (records_load(f) < 0)
		return -1;
	after = fate_find(f, s, &after_inode);
	*again = !held && (after != fate || after_inode != inode);
	/* Without bytes nothing shows that it is the file of the piece. */
	if (!held && (*again || n <= 0))
		stream_close(f, s);
	if (after == ORDER_FATE_EMPTIED && (after_inode == 0 || file_has(f->fd[s], after_inode)))
		n = 0;
	return *again || n < 0 ? 0 : n;
}

static int record_take(struct log_follow *f, const struct order_record *r, struct error *err)
{
	uint64_t to = (uint64_t)r->offset + (r->length & ORDER_LENGTH);
	int s = order_stream(r);

	if (r->length & (ORDER_TURNED | ORDER_ANEW)) {
		if (!(r->length & ORDER_EMPTIED) || !file_has(f->fd[s], r->time))
			stream_close(f, s);
		f->at[s] = record_is_mark(r) && r->offset == UINT32_MAX ? AT_UNKNOWN : 0;
	}
	if (record_is_mark(r))
		return 0;
	if (f->at[s] == AT_UNKNOWN)
		f->at[s] = r->offset;
	while (f->at[s] < to) {
		_cleanup_buf_ struct buf chunk = { 0 };
		bool again;
		ssize_t n = piece_read(f, s, to, &chunk, &again);

		if (n < 0)
			return error_set(err, ENOMEM, "%s", f->file[s]);
		if (again)
			continue;
		if (n == 0)
			break; /* lost */
		f->at[s] += (uint64_t)n;
		if (f->fn(f->data, s, r->time, (const char *)chunk.data, (size_t)n, err) < 0)
			return -1;
	}
	f->at[s] = to;
	return 0;
}

int log_follow_take(struct log_follow *f, struct error *err)
{
	if (records_load(f) < 0)
		return error_set(err, ENOMEM, "%s", f->order);
	while (f->next < f->count) {
		struct order_record r = f->list[f->next++];

		if (record_take(f, &r, err) < 0)
			return -1;
	}
	return 0;
}

/* --- the beginning ------------------------------------------------------------------------------------------------ */

void log_past_clear(struct log_past *p)
{
	for (int i = 0; i < 4; i++)
		buf_free(&p->text[i / 2][i % 2]);
	buf_free(&p->order);
}

void log_follow_close(struct log_follow *f)
{
	for (int s = 0; s < 2; s++)
		stream_close(f, s);
	cleanup_close(&f->order_fd);
	f->order_fd = -1;
	free(f->list);
	f->list = NULL;
	f->count = f->cap = f->next = 0;
}

/* The order files; whole records. */
static int order_take(struct log_follow *f, struct buf *out, struct error *err)
{
	size_t older;

	if (logfile_read(f->dir, f->order, ".1", ORDER_FILE_MAX, out, err) < 0)
		return -1;
	out->len -= out->len % sizeof(struct order_record);
	older = out->len;
	if (f->order_fd >= 0 && logfile_take(f->order_fd, ORDER_FILE_MAX, out, err) < 0)
		return error_wrap(err, "%s/%s", f->dir, f->order);
	out->len -= out->len % sizeof(struct order_record);
	f->order_at = (off_t)(out->len - older);
	return 0;
}

/* Returns how many of the two streams have no file. */
static int past_read(struct log_follow *f, struct log_past *past, struct error *bad)
{
	int missing = 0;

	f->fd[0] = f->fd[1] = f->order_fd = -1;
	f->order_fd = logfile_view(f->dir, f->order, "", NULL);
	if (order_take(f, &past->order, bad) < 0)
		buf_clear(&past->order);
	for (int s = 1; s >= 0; s--) {
		_cleanup_error_ struct error why = { 0 };

		f->fd[s] = logfile_view(f->dir, f->file[s], "", &why);
		missing += f->fd[s] < 0 && why.code == ENOENT;
		if (f->fd[s] < 0 ? why.code != ENOENT : logfile_take(f->fd[s], LOG_MOST, &past->text[s][0], &why) < 0)
			error_move(bad, &why);
		error_clear(&why);
		if (logfile_read(f->dir, f->file[s], ".1", LOG_MOST, &past->text[s][1], &why) < 0)
			error_move(bad, &why);
	}
	return missing;
}

/* Whether a file has become another one since the records were read. */
static int past_is_over(struct log_follow *f)
{
	uint64_t inode;

	if (records_load(f) < 0)
		return -1;
	return fate_find(f, 0, &inode) != ORDER_FATE_PRESENT || fate_find(f, 1, &inode) != ORDER_FATE_PRESENT;
}

int log_follow_begin(struct log_follow *f, struct log_past *past, struct error *bad, struct error *err)
{
	for (int i = 1;; i++) {
		int missing = past_read(f, past, bad), over = past_is_over(f);

		if (over < 0)
			return error_set(err, ENOMEM, "%s", f->order);
		/* Files that are turned faster than they are read are shown as they are. */
		if (!over || i == BEGIN_TRIES)
			return missing < 2 ? 0 : error_set(err, ENOENT, "no logs in %s/%s", f->dir, f->file[0]);
		log_past_clear(past);
		log_follow_close(f);
		error_clear(bad);
	}
}

void log_follow_shown(struct log_follow *f, const struct order_pieces *pieces)
{
	for (size_t i = 0; i < pieces->count; i++)
		if (pieces->list[i].age == 0 && pieces->list[i].to > f->at[pieces->list[i].stream])
			f->at[pieces->list[i].stream] = pieces->list[i].to;
}
