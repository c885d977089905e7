/* Events as text, in the form of the kernel's old /proc/acpi/event: for what brings them from elsewhere. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acpid.h"
#include "buf.h"
#include "log.h"

enum { LINE_MAX_BYTES = 1024 };

struct lines {
	struct loop *loop;
	const struct table *table;
	event_fn *fn;
	void *data;
	struct loop_io io;
	struct buf text; /* of a line that has not ended */
};

static void text_take(struct lines *l)
{
	char *newline;

	while ((newline = memchr(buf_text(&l->text), '\n', l->text.len))) {
		const char *line = buf_text(&l->text);
		size_t n = (size_t)(newline - line);
		ssize_t row;

		*newline = '\0';
		row = table_event_text(l->table, line);
		if (row >= 0)
			l->fn(l->data, (size_t)row);
		buf_consume(&l->text, n + 1);
	}
	if (l->text.len > LINE_MAX_BYTES) {
		log_warn("a line of more than %d bytes is passed over", LINE_MAX_BYTES);
		buf_clear(&l->text);
	}
}

static void lines_ready(struct loop_io *io, uint32_t events)
{
	struct lines *l = io->data;
	uint8_t *to = buf_reserve(&l->text, LINE_MAX_BYTES);
	ssize_t n;

	(void)events;
	if (!to) {
		log_error("no memory for an event");
		loop_quit(l->loop, 1);
		return;
	}
	n = read(io->fd, to, LINE_MAX_BYTES);
	if (n > 0) {
		buf_commit(&l->text, (size_t)n);
		text_take(l);
		return;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0)
		log_error("read events: %s", strerror(errno));
	loop_quit(l->loop, n < 0);
}

int lines_watch(struct loop *loop, const char *file, const struct table *table, event_fn *fn, void *data,
		struct error *err)
{
	struct lines *l = calloc(1, sizeof(*l));
	struct stat st;
	int mode = stat(file, &st) == 0 && S_ISFIFO(st.st_mode) ? O_RDWR : O_RDONLY; /* a fifo of our own has no end */

	if (!l)
		return error_set(err, ENOMEM, "%s", file);
	*l = (struct lines){ .loop = loop, .table = table, .fn = fn, .data = data };
	l->io = (struct loop_io){ .fd = open(file, mode | O_NONBLOCK | O_NOCTTY | O_CLOEXEC),
				  .events = EPOLLIN,
				  .fn = lines_ready,
				  .data = l };
	if (l->io.fd < 0 || loop_io_add(loop, &l->io, err) < 0) {
		if (l->io.fd < 0)
			error_set(err, errno, "%s", file);
		else
			close(l->io.fd);
		free(l);
		return -1;
	}
	return 0;
}
