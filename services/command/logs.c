#include "logs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "beneath.h"
#include "follow.h"
#include "logfile.h"
#include "logs_memory.h"
#include "logtext.h"
#include "once_logs.h"
#include "str.h"
#include "supervisor.h"

/* The logs of one service while they are shown. */
struct shown {
	struct log_follow files;
	struct logtext text;
	uint64_t since;
};

/* --- what there is ------------------------------------------------------------------------------------------------ */

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

static int pieces_show(struct shown *v, const struct order_pieces *p, const struct buf text[2][2], struct error *err)
{
	for (size_t i = 0; i < p->count; i++) {
		const struct order_piece *piece = &p->list[i];
		const char *bytes = buf_text(&text[piece->stream][piece->age]);

		if (piece->time >= v->since &&
		    logtext_write(&v->text, piece->stream, piece->time, bytes + piece->from, piece->to - piece->from,
				  err) < 0)
			return -1;
	}
	return 0;
}

static int past_show(struct shown *v, const struct log_past *past, const struct logs_options *o, struct error *err)
{
	struct order_pieces pieces = { 0 };
	uint64_t size[2][2];
	int r;

	for (int i = 0; i < 4; i++)
		size[i / 2][i % 2] = past->text[i / 2][i % 2].len;
	r = order_pieces_make(&pieces, (const struct order_record *)(const void *)buf_bytes(&past->order),
			      past->order.len / sizeof(struct order_record), size, !o->follow);
	if (r == 0) {
		log_follow_shown(&v->files, &pieces);
		pieces_cut(&pieces, past->text, o->tail, o->since);
		r = pieces_show(v, &pieces, past->text, err);
	} else {
		error_set(err, ENOMEM, "%s", v->files.order);
	}
	order_pieces_clear(&pieces);
	return r;
}

/* --- what comes -----------------------------------------------------------------------------------------------------
 */

static int piece_show(void *data, int stream, uint64_t time, const char *text, size_t n, struct error *err)
{
	struct shown *v = data;

	return logtext_write(&v->text, stream, time, text, n, err);
}

static int files_follow(struct log_follow *f, int watch, struct error *err)
{
	char events[4096];

	for (;;) {
		if (log_follow_take(f, err) < 0)
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

static int service_show(struct shown *v, const char *name, const struct logs_options *o, int watch, struct error *err)
{
	_cleanup_error_ struct error bad = { 0 };
	struct log_past past = { 0 };
	int r = log_follow_begin(&v->files, &past, &bad, err);

	if (r < 0 && err && err->code == ENOENT)
		error_set(err, ENOENT, "no logs of %s: %s/%s", name, v->files.dir, v->files.file[0]);
	if (r == 0)
		r = past_show(v, &past, o, err);
	log_past_clear(&past);
	if (r == 0 && o->follow)
		r = files_follow(&v->files, watch, err);
	/* A stream that cannot be read does not hide the other one: it is said at the end. */
	if (r == 0 && bad.msg)
		r = error_move(err, &bad);
	log_follow_close(&v->files);
	return r;
}

/* file: what the names of its files begin with. */
static int files_logs(const char *name, const char *dir, const char *file, const struct logs_options *o,
		      struct error *err)
{
	_cleanup_free_ char *log = str_format("%s.log", file), *out = str_format("%s.out.log", file);
	_cleanup_free_ char *order = str_format("%s.order", file);
	struct shown v = { .files = { .dir = dir, .file = { log, out }, .order = order, .fn = piece_show, .data = &v },
			   .text = { .times = o->times },
			   .since = o->since };
	_cleanup_close_ int watch = -1;

	if (!log || !out || !order)
		return error_set(err, ENOMEM, "%s", name);
	if (o->follow && (watch = dir_watch(dir, err)) < 0)
		return -1;
	return service_show(&v, name, o, watch, err);
}

static int service_logs(const char *name, const struct logs_options *o, struct error *err)
{
	_cleanup_free_ char *dir = logfile_dir(SUPERVISOR_LOG_DIR, SUPERVISOR_LOG_RECORD, false);

	return dir ? files_logs(name, dir, name, o, err) : error_set(err, ENOMEM, "%s", name);
}

/* What there is: of one that has ended nothing more comes, so that nobody would be told when to stop waiting. */
static int once_logs(const char *name, const struct logs_options *o, struct error *err)
{
	_cleanup_free_ char *file = once_logs_find(name, err);
	struct logs_options there = *o;

	there.follow = false;
	return file ? files_logs(name, ONCE_LOGS_DIR, file, &there, err) : -1;
}

int logs_show(const char *name, const struct logs_options *o, struct error *err)
{
	_cleanup_close_ int memory = -1;
	_cleanup_error_ struct error why = { 0 };

	if (strchr(name, '/') && !once_logs_named(name))
		return error_set(err, EINVAL, "service '%s'", name);
	memory = logs_memory_connect();
	if (memory >= 0) {
		int r = logs_memory_show(memory, name, o, err);

		if (r != 0)
			return r < 0 ? -1 : 0;
		/* It may have been written before the daemon ran, or while it could not be reached. */
	}
	if (once_logs_named(name))
		return once_logs(name, o, err);
	if (service_logs(name, o, &why) == 0)
		return 0;
	if (why.code == ENOENT && once_logs(name, o, NULL) == 0)
		return 0;
	return error_move(err, &why);
}
