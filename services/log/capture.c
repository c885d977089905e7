#include "capture.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "io.h"
#include "logfile.h"
#include "memlogd.h"
#include "str.h"

enum { CHUNK = 16384, TAIL_MAX = 1024 };

/* --- where it goes --------------------------------------------------------------------------------------- */

static uint32_t stream_bit(const struct capture_stream *s)
{
	return s == &s->owner->out ? ORDER_OUT : 0;
}

static int file_open(struct capture_stream *s, struct error *err)
{
	struct stat st;

	s->memory = false;
	s->sink.fd = logfile_open(s->owner->dir, s->file, err);
	if (s->sink.fd < 0)
		return -1;
	s->size = fstat(s->sink.fd, &st) == 0 ? (uint64_t)st.st_size : 0;
	/* What the records speak of may have been emptied while no supervisor was there. */
	s->bits = s->size == 0 ? ORDER_ANEW | ORDER_EMPTIED : 0;
	return 0;
}

/* Another file begins, and what is known of this run in the one before is forgotten. */
static void file_anew(struct capture_stream *s)
{
	cleanup_close(&s->sink.fd);
	s->begin = 0;
	file_open(s, NULL);
	s->bits = ORDER_ANEW;
}

static uint64_t file_inode(const struct capture_stream *s)
{
	struct stat st;

	return s->sink.fd >= 0 && fstat(s->sink.fd, &st) == 0 ? st.st_ino : 0;
}

/* Before anything is written to the file: see order.h. */
static void file_mark(struct capture_stream *s, uint32_t bits, uint64_t inode)
{
	s->bits = order_mark(&s->owner->order, s->owner->dir, inode, bits | stream_bit(s)) ? 0 : bits;
}

static void file_turn(struct capture_stream *s)
{
	uint64_t inode = file_inode(s);
	bool kept;

	s->sink.fd = logfile_turn(s->sink.fd, s->owner->dir, s->file, &kept, NULL);
	s->size = s->begin = 0;
	file_mark(s, kept ? ORDER_TURNED : ORDER_ANEW | ORDER_EMPTIED, inode);
}

static void file_write_piece(struct capture_stream *s, const uint8_t *data, size_t n)
{
	uint64_t before = s->size;

	/* Removed, moved away or emptied by somebody else. */
	if (s->sink.fd < 0 || !logfile_is(s->sink.fd, s->owner->dir, s->file, "", &s->size))
		file_anew(s);
	else if (s->size < before)
		s->bits = ORDER_ANEW | ORDER_EMPTIED;
	if (s->bits)
		file_mark(s, s->bits, file_inode(s));
	if (s->sink.fd >= 0 && s->size + n > CAPTURE_FILE_MAX && s->size > 0)
		file_turn(s);
	if (s->sink.fd < 0 || io_write(s->sink.fd, data, n) < 0)
		return;
	order_add(&s->owner->order, s->owner->dir, s->size, n, s->bits | stream_bit(s));
	s->bits = 0;
	s->size += n;
}

/* Whatever the daemon does, there is always the file. */
static void sink_open(struct capture_stream *s, struct error *err)
{
	if (memlogd_present() && (s->sink.fd = memlogd_open(s->name, NULL)) >= 0) {
		s->memory = true;
		io_nonblock(s->sink.fd);
		return;
	}
	file_open(s, err);
}

static void sink_lose(struct capture_stream *s)
{
	loop_io_remove(&s->sink);
	cleanup_close(&s->sink.fd);
	s->sink.fd = -1;
	buf_clear(&s->held);
}

/* Sends what is held; true when nothing is left. */
static bool memory_flush(struct capture_stream *s)
{
	while (s->held.len > 0) {
		ssize_t n = send(s->sink.fd, buf_bytes(&s->held), s->held.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return false;
		if (n < 0) {
			sink_lose(s);
			return true;
		}
		buf_consume(&s->held, (size_t)n);
	}
	return true;
}

static void memory_writable(struct loop_io *io, uint32_t events)
{
	struct capture_stream *s = io->data;

	(void)events;
	if (!memory_flush(s))
		return;
	loop_io_remove(&s->sink);
	loop_io_want(&s->io, EPOLLIN, NULL);
}

static void memory_write(struct capture_stream *s, const uint8_t *data, size_t n)
{
	if (buf_add(&s->recent, data, n) == 0 && s->recent.len > TAIL_MAX)
		buf_consume(&s->recent, s->recent.len - TAIL_MAX);
	if (buf_add(&s->held, data, n) < 0 || memory_flush(s))
		return;
	s->sink = (struct loop_io){ .fd = s->sink.fd, .events = EPOLLOUT, .fn = memory_writable, .data = s };
	if (loop_io_add(s->owner->loop, &s->sink, NULL) == 0)
		loop_io_want(&s->io, 0, NULL);
	else
		sink_lose(s);
}

/* --- what comes -------------------------------------------------------------------------------------------- */

static void stream_search(struct capture_stream *s, const uint8_t *data, size_t n)
{
	struct capture *c = s->owner;
	size_t length = strlen(c->wanted);

	if (buf_add(&s->carry, data, n) < 0)
		return;
	if (memmem(buf_bytes(&s->carry), s->carry.len, c->wanted, length)) {
		capture_want(c, NULL, NULL, NULL);
		c->found(c);
	} else if (s->carry.len >= length) {
		buf_consume(&s->carry, s->carry.len - (length - 1));
	}
}

/* One read; false when there is nothing now. */
static bool stream_take(struct capture_stream *s)
{
	static uint8_t chunk[CHUNK];
	ssize_t n = read(s->io.fd, chunk, sizeof(chunk));

	if (n <= 0)
		return n < 0 && errno == EINTR;
	if (s->sink.fd < 0)
		sink_open(s, NULL);
	if (s->sink.fd >= 0 && s->memory)
		memory_write(s, chunk, (size_t)n);
	else
		file_write_piece(s, chunk, (size_t)n);
	if (s->owner->wanted)
		stream_search(s, chunk, (size_t)n);
	return true;
}

static void stream_ready(struct loop_io *io, uint32_t events)
{
	(void)events;
	stream_take(io->data);
}

static int stream_open(struct capture *c, struct capture_stream *s, const char *fifo_dir, const char *file,
		       const char *name, struct error *err)
{
	s->owner = c;
	s->name = strdup(name);
	s->file = str_format("%s.log", name);
	s->fifo = str_format("%s/%s", fifo_dir, file);
	if (!s->name || !s->file || !s->fifo)
		return error_set(err, ENOMEM, "log %s", name);
	if (mkfifo(s->fifo, 0600) < 0 && errno != EEXIST)
		return error_set(err, errno, "make fifo %s", s->fifo);
	s->io.fd = open(s->fifo, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (s->io.fd < 0)
		return error_set(err, errno, "%s", s->fifo);
	s->io.events = EPOLLIN;
	s->io.fn = stream_ready;
	s->io.data = s;
	if (loop_io_add(c->loop, &s->io, err) < 0)
		return -1;
	sink_open(s, err);
	return s->sink.fd < 0 ? -1 : 0;
}

int capture_open(struct capture *c, struct loop *loop, const char *log_dir, const char *fifo_dir, const char *name,
		 struct error *err)
{
	_cleanup_free_ char *out = str_format("%s.out", name);

	c->loop = loop;
	c->out.io.fd = c->out.sink.fd = c->err.io.fd = c->err.sink.fd = -1;
	c->dir = strdup(log_dir);
	if (!out || !c->dir)
		return error_set(err, ENOMEM, "log %s", name);
	if (dir_make(fifo_dir, 0755, err) < 0 || stream_open(c, &c->out, fifo_dir, "out", out, err) < 0 ||
	    stream_open(c, &c->err, fifo_dir, "err", name, err) < 0 ||
	    order_open(&c->order, c->err.memory ? NULL : log_dir, name, err) < 0) {
		capture_close(c);
		return -1;
	}
	return 0;
}

static void stream_close(struct capture_stream *s)
{
	loop_io_remove(&s->io);
	loop_io_remove(&s->sink);
	cleanup_close(&s->io.fd);
	cleanup_close(&s->sink.fd);
	if (s->fifo)
		unlink(s->fifo);
	free(s->fifo);
	free(s->name);
	free(s->file);
	buf_free(&s->recent);
	buf_free(&s->held);
	buf_free(&s->carry);
	*s = (struct capture_stream){ .io.fd = -1, .sink.fd = -1 };
}

void capture_close(struct capture *c)
{
	if (!c->loop)
		return;
	stream_close(&c->out);
	stream_close(&c->err);
	order_close(&c->order);
	free(c->dir);
	*c = (struct capture){ 0 };
}

int capture_writer(const struct capture_stream *s, struct error *err)
{
	int fd = open(s->fifo, O_RDWR | O_CLOEXEC);

	return fd < 0 ? error_set(err, errno, "%s", s->fifo) : fd;
}

void capture_begin(struct capture *c)
{
	c->out.begin = c->out.size;
	c->err.begin = c->err.size;
	buf_clear(&c->out.recent);
	buf_clear(&c->err.recent);
}

void capture_want(struct capture *c, const char *text, capture_found_fn *found, void *data)
{
	c->wanted = text;
	if (text) {
		c->found = found;
		c->data = data;
	}
	buf_free(&c->out.carry);
	buf_free(&c->err.carry);
}

void capture_drain(struct capture *c)
{
	if (!c->loop)
		return;
	while (c->out.sink.loop == NULL && stream_take(&c->out))
		;
	while (c->err.sink.loop == NULL && stream_take(&c->err))
		;
}

/* --- the last of it ------------------------------------------------------------------------------------------- */

static void recent_read(const struct capture_stream *s, struct buf *out)
{
	uint64_t from = s->size > TAIL_MAX ? s->size - TAIL_MAX : 0;
	uint8_t *p;
	ssize_t n;

	if (from < s->begin)
		from = s->begin;
	if (s->memory) {
		/* Out of memory the message only has no lines. */
		(void)!buf_add(out, buf_bytes(&s->recent), s->recent.len);
		return;
	}
	if (from >= s->size || s->sink.fd < 0 || !(p = buf_reserve(out, TAIL_MAX)))
		return;
	n = io_pread(s->sink.fd, p, TAIL_MAX, (off_t)from);
	if (n > 0)
		buf_commit(out, (size_t)n);
}

void capture_tail(struct capture *c, unsigned lines, struct buf *out)
{
	const uint8_t *data;
	size_t at;

	buf_clear(out);
	if (!c->loop)
		return;
	recent_read(&c->err, out);
	if (out->len == 0)
		recent_read(&c->out, out);
	if (out->len == 0)
		return;
	data = buf_bytes(out);
	for (at = out->len - 1; at > 0; at--)
		if (data[at - 1] == '\n' && --lines == 0)
			break;
	buf_consume(out, at);
}
