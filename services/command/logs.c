#include "logs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "beneath.h"
#include "capture.h"
#include "io.h"
#include "logfile.h"
#include "logs_memory.h"
#include "logtext.h"
#include "once_logs.h"
#include "order.h"
#include "str.h"
#include "supervisor.h"

/* LOG_MOST: somebody may have made a file longer than we do. */
enum { LOG_MOST = 2 * CAPTURE_FILE_MAX, PIECE_MOST = 1 << 20 };

/* The logs of one service while they are shown. */
struct files {
	const char *dir;
	char *file[2], *order; /* [1]: of standard output */
	int fd[2], order_fd;   /* the present ones; -1: none */
	uint64_t at[2];        /* where in the present one the last piece ended */
	off_t order_at;
	struct logtext text;
	uint64_t since;
};

/* --- what there is ------------------------------------------------------------------------------------------------ */

/* Both order files, the older first; whole records. */
static int order_read(struct files *f, struct buf *out, struct error *err)
{
	_cleanup_buf_ struct buf now = { 0 };

	if (logfile_read(f->dir, f->order, ".1", ORDER_FILE_MAX, out, err) < 0 ||
	    logfile_read(f->dir, f->order, "", ORDER_FILE_MAX, &now, err) < 0)
		return -1;
	out->len -= out->len % sizeof(struct order_record);
	now.len -= now.len % sizeof(struct order_record);
	f->order_at = (off_t)now.len;
	return now.len == 0 || buf_add(out, now.data, now.len) == 0 ? 0 : error_set(err, ENOMEM, "%s", f->order);
}

/* How many lines of a piece belong to the last `tail`; the rest is cut off its beginning. */
static void piece_cut(struct order_piece *p, const char *text, bool last, long *tail)
{
	size_t at = p->to;

	/* The newline that ends everything ends the last line, and begins none. */
	if (last && at > p->from && text[at - 1] == '\n')
		at--;
	for (; at > p->from; at--) {
		if (text[at - 1] != '\n')
			continue;
		if (--*tail == 0) {
			p->from = (uint32_t)at;
			return;
		}
	}
}

static void pieces_cut(struct order_pieces *p, const struct buf text[2][2], long tail, uint64_t since)
{
	size_t first = 0;

	if (tail == 0) {
		p->count = 0;
		return;
	}
	for (size_t i = p->count; tail > 0 && i-- > 0;) {
		struct order_piece *piece = &p->list[i];

		if (piece->time < since)
			continue;
		piece_cut(piece, buf_text(&text[piece->stream][piece->age]), i + 1 == p->count, &tail);
		first = tail == 0 ? i : 0;
	}
	memmove(p->list, p->list + first, (p->count - first) * sizeof(*p->list));
	p->count -= first;
}

static int pieces_show(struct files *f, const struct order_pieces *p, const struct buf text[2][2], struct error *err)
{
	for (size_t i = 0; i < p->count; i++) {
		const struct order_piece *piece = &p->list[i];
		const char *bytes = buf_text(&text[piece->stream][piece->age]);

		if (piece->time >= f->since &&
		    logtext_write(&f->text, piece->stream, piece->time, bytes + piece->from, piece->to - piece->from,
				  err) < 0)
			return -1;
	}
	return 0;
}

/* One that cannot be read hides the other stream from nobody: it is said at the end. */
static int files_show(struct files *f, const struct logs_options *o, struct error *err)
{
	struct buf text[2][2] = { { { 0 } } }, order = { 0 };
	_cleanup_error_ struct error bad = { 0 };
	struct order_pieces pieces = { 0 };
	uint64_t size[2][2];
	int r;

	if (order_read(f, &order, &bad) < 0)
		buf_clear(&order);
	for (int s = 1; s >= 0; s--) {
		_cleanup_error_ struct error why = { 0 };

		if (logfile_read(f->dir, f->file[s], ".1", LOG_MOST, &text[s][1], &why) < 0 ||
		    logfile_read(f->dir, f->file[s], "", LOG_MOST, &text[s][0], &why) < 0)
			error_move(&bad, &why);
		size[s][0] = text[s][0].len;
		size[s][1] = text[s][1].len;
		f->at[s] = size[s][0];
	}
	r = order_pieces_make(&pieces, (const struct order_record *)(const void *)buf_bytes(&order),
			      order.len / sizeof(struct order_record), size, !o->follow);
	if (r == 0) {
		pieces_cut(&pieces, text, o->tail, o->since);
		r = pieces_show(f, &pieces, text, err);
	} else {
		error_set(err, ENOMEM, "%s", f->order);
	}
	order_pieces_clear(&pieces);
	for (int i = 0; i < 4; i++)
		buf_free(&text[i / 2][i % 2]);
	buf_free(&order);
	return r < 0 ? -1 : bad.msg ? error_move(err, &bad) : 0;
}

/* --- what comes -----------------------------------------------------------------------------------------------------
 */

static int record_show(struct files *f, const struct order_record *r, struct error *err)
{
	uint64_t to = (uint64_t)r->offset + (r->length & ORDER_LENGTH);
	int s = order_stream(r);
	uint8_t *p;

	if (r->length & (ORDER_TURNED | ORDER_ANEW)) {
		cleanup_close(&f->fd[s]);
		f->fd[s] = -1;
		f->at[s] = 0;
	}
	if (f->fd[s] < 0)
		f->fd[s] = logfile_view(f->dir, f->file[s], "", NULL);
	while (f->fd[s] >= 0 && f->at[s] < to) {
		_cleanup_buf_ struct buf chunk = { 0 };
		size_t want = to - f->at[s] < PIECE_MOST ? (size_t)(to - f->at[s]) : PIECE_MOST;
		ssize_t n = (p = buf_reserve(&chunk, want)) ? io_pread(f->fd[s], p, want, (off_t)f->at[s]) : -1;

		if (n <= 0)
			break; /* emptied meanwhile */
		f->at[s] += (uint64_t)n;
		if (logtext_write(&f->text, s, r->time, (const char *)p, (size_t)n, err) < 0)
			return -1;
	}
	f->at[s] = to;
	return 0;
}

/* All records that have come; then on in the new file when it was turned. */
static int records_show(struct files *f, struct error *err)
{
	struct order_record r;
	uint64_t size;

	for (;;) {
		/* Looked at first: nothing comes to the old file once there is a new one. */
		bool same = f->order_fd >= 0 && logfile_is(f->order_fd, f->dir, f->order, &size);
		int next;

		if (same && f->order_at > (off_t)size)
			f->order_at = 0; /* emptied */
		while (f->order_fd >= 0 && io_pread(f->order_fd, &r, sizeof(r), f->order_at) == (ssize_t)sizeof(r)) {
			f->order_at += (off_t)sizeof(r);
			if (record_show(f, &r, err) < 0)
				return -1;
		}
		if (same)
			return 0;
		/* Between two files there is none for a moment. */
		next = logfile_view(f->dir, f->order, "", NULL);
		if (next < 0)
			return 0;
		if (f->order_fd >= 0)
			f->order_at = 0;
		cleanup_close(&f->order_fd);
		f->order_fd = next;
	}
}

static int files_follow(struct files *f, int watch, struct error *err)
{
	char events[4096];

	for (;;) {
		if (records_show(f, err) < 0)
			return -1;
		if (read(watch, events, sizeof(events)) < 0 && errno != EINTR)
			return error_set(err, errno, "watch %s", f->dir);
	}
}

static int dir_watch(const char *path, struct error *err)
{
	const struct beneath_want want = { .type = S_IFDIR, .owner = BENEATH_ANY_OWNER };
	_cleanup_close_ int dir = beneath_open(BENEATH_ROOT, path, O_PATH | O_DIRECTORY, 0, &want, err);
	_cleanup_close_ int watch = inotify_init1(IN_CLOEXEC);
	char real[BENEATH_FD_PATH_MAX];

	if (dir < 0)
		return -1;
	if (watch < 0 || inotify_add_watch(watch, beneath_fd_path(real, dir), IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0)
		return error_set(err, errno, "watch %s", path);
	return steal_fd(&watch);
}

/* --- a service ------------------------------------------------------------------------------------------------------
 */

static int service_show(struct files *f, const char *name, const struct logs_options *o, struct error *err)
{
	_cleanup_error_ struct error bad = { 0 };
	_cleanup_close_ int watch = -1;
	int missing = 0;

	for (int s = 0; s < 2; s++) {
		_cleanup_error_ struct error why = { 0 };

		/* Opened before the records are read: the records that come then are of this file, or say otherwise. */
		f->fd[s] = logfile_view(f->dir, f->file[s], "", &why);
		missing += f->fd[s] < 0 && why.code == ENOENT;
	}
	if (missing == 2)
		return error_set(err, ENOENT, "no logs of %s: %s/%s", name, f->dir, f->file[0]);
	f->order_fd = logfile_view(f->dir, f->order, "", NULL);
	if (o->follow && (watch = dir_watch(f->dir, err)) < 0)
		return -1;
	if (files_show(f, o, &bad) < 0 && (bad.code == EPIPE || !o->follow))
		return error_move(err, &bad);
	return o->follow ? files_follow(f, watch, err) : 0;
}

static int files_logs(const char *name, const struct logs_options *o, struct error *err)
{
	_cleanup_free_ char *dir = logfile_dir(SUPERVISOR_LOG_DIR, SUPERVISOR_LOG_RECORD, false);
	struct files f = { .dir = dir,
			   .file = { str_format("%s.log", name), str_format("%s.out.log", name) },
			   .order = str_format("%s.order", name),
			   .fd = { -1, -1 },
			   .order_fd = -1,
			   .text = { .times = o->times },
			   .since = o->since };
	int r;

	if (!dir || !f.file[0] || !f.file[1] || !f.order)
		r = error_set(err, ENOMEM, "%s", name);
	else
		r = service_show(&f, name, o, err);
	for (int s = 0; s < 2; s++) {
		cleanup_close(&f.fd[s]);
		free(f.file[s]);
	}
	cleanup_close(&f.order_fd);
	free(f.order);
	return r;
}

int logs_show(const char *name, const struct logs_options *o, struct error *err)
{
	_cleanup_close_ int memory = -1;
	_cleanup_error_ struct error why = { 0 };

	if (once_logs_named(name))
		return once_logs_show(name, o->tail, err);
	if (strchr(name, '/'))
		return error_set(err, EINVAL, "service '%s'", name);
	memory = logs_memory_connect();
	if (memory >= 0)
		return logs_memory_show(memory, name, o, err);
	if (files_logs(name, o, &why) == 0)
		return 0;
	if (why.code == ENOENT && once_logs_show(name, o->tail, NULL) == 0)
		return 0;
	return error_move(err, &why);
}
