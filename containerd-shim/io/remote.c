#include "remote.h"

#include <errno.h>
#include <linux/vm_sockets.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent.h"
#include "io.h"
#include "str.h"
#include "vsock.h"

enum { PATIENCE_US = 5 * 1000000 };

static void remote_ready(struct loop_io *io, uint32_t events);

void remote_drop(struct remote *r)
{
	if (!r->active)
		return;
	loop_io_remove(&r->io);
	loop_timer_disarm(&r->timer);
	if (r->io.fd >= 0)
		close(r->io.fd);
	free(r->line);
	free(r->path);
	*r = (struct remote){ .data = r->data };
}

static void remote_finish(struct remote *r, const struct error *why)
{
	remote_fn *done = r->done;
	int fd = -1;

	loop_io_remove(&r->io);
	if (!why)
		fd = steal_fd(&r->io.fd);
	remote_drop(r);
	done(r, fd, why);
}

static void remote_fail(struct remote *r, int code, const char *what)
{
	_cleanup_error_ struct error e = { 0 };

	error_set(&e, code, "%s", what);
	remote_finish(r, &e);
}

/* Empty as long as the host has given it to nobody. */
static void secret_read(char secret[FIFO_SECRET + 1])
{
	_cleanup_buf_ struct buf text = { 0 };

	secret[0] = '\0';
	if (file_read(FIFO_SECRET_FILE, FIFO_SECRET, &text, NULL) == 0 && fifo_secret_valid(buf_text(&text), text.len))
		memcpy(secret, buf_text(&text), FIFO_SECRET + 1);
}

/* A connection, and the request for it. */
static int remote_ask(struct remote *r, struct error *err)
{
	char secret[FIFO_SECRET + 1];

	secret_read(secret);
	free(r->line);
	r->line = str_format("%s %s%s%s\n", r->write ? "write" : "read", secret, *secret ? " " : "", r->path);
	if (!r->line || strlen(r->line) > FIFO_LINE)
		return error_set(err, r->line ? ENAMETOOLONG : ENOMEM, "%s", r->path);
	r->io = (struct loop_io){ .events = EPOLLOUT, .fn = remote_ready, .data = r };
	r->io.fd = vsock_connect(VMADDR_CID_HOST, FIFO_PORT, SOCK_STREAM, err);
	return r->io.fd < 0 ? -1 : loop_io_add(r->loop, &r->io, err);
}

static void remote_late(struct loop_timer *timer)
{
	remote_fail(timer->data, ETIMEDOUT, "a fifo of the host");
}

/* The machine's agent has the host's secret now, or a new one. */
static void remote_ask_again(struct remote *r)
{
	_cleanup_error_ struct error e = { 0 };

	if (r->again) {
		remote_fail(r, EPERM, "a fifo of the host: it takes this machine's secret for none");
		return;
	}
	r->again = true;
	r->have = 0;
	loop_io_remove(&r->io);
	close(r->io.fd);
	r->io.fd = -1;
	if (remote_ask(r, &e) < 0)
		remote_finish(r, &e);
}

/* The answer and no byte of the stream behind it: "ok\n", or else a line and the end. */
static void answer_read(struct remote *r)
{
	_cleanup_error_ struct error e = { 0 };
	size_t want = r->have < 3 ? 3 - r->have : sizeof(r->answer) - r->have, used;
	ssize_t n = recv(r->io.fd, r->answer + r->have, want, MSG_DONTWAIT);
	int result;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		remote_fail(r, n < 0 ? errno : ECONNRESET, "a fifo of the host");
		return;
	}
	r->have += (size_t)n;
	result = fifo_answer_parse(r->answer, r->have, &used, &e);
	if (result == FIFO_AGAIN)
		remote_ask_again(r);
	else if (result > 0)
		remote_finish(r, NULL);
	else if (result < 0)
		remote_finish(r, &e);
	else if (r->have == sizeof(r->answer))
		remote_fail(r, EPROTO, "a fifo of the host");
}

static void remote_ready(struct loop_io *io, uint32_t events)
{
	struct remote *r = io->data;
	size_t n = r->line ? strlen(r->line) : 0;
	int code = 0;
	socklen_t len = sizeof(code);

	(void)events;
	if (!r->line) {
		answer_read(r);
		return;
	}
	if (getsockopt(io->fd, SOL_SOCKET, SO_ERROR, &code, &len) < 0 || code) {
		remote_fail(r, code ? code : errno, "the machine's host");
		return;
	}
	/* A new connection has room for a line. */
	if (send(io->fd, r->line, n, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)n) {
		remote_fail(r, EIO, "the machine's host");
		return;
	}
	free(r->line);
	r->line = NULL;
	if (loop_io_want(io, EPOLLIN, NULL) < 0)
		remote_fail(r, ENOMEM, "a fifo of the host");
}

int remote_start(struct remote *r, struct loop *loop, const char *path, bool write, remote_fn *done, struct error *err)
{
	*r = (struct remote){ .data = r->data, .loop = loop, .done = done, .write = write, .active = true };
	r->io.fd = -1;
	r->timer = (struct loop_timer){ .fn = remote_late, .data = r };
	r->path = strdup(path);
	if (!r->path)
		error_set(err, ENOMEM, "%s", path);
	else if (remote_ask(r, err) == 0 && loop_timer_after(loop, &r->timer, PATIENCE_US, err) == 0)
		return 0;
	remote_drop(r);
	return -1;
}
