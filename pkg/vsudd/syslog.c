#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "buf.h"
#include "log.h"
#include "str.h"
#include "unixsock.h"
#include "vsock.h"
#include "vsudd.h"

enum {
	CID_HOST = 2,
	MESSAGE_MAX = 8192,     /* what is longer is cut */
	QUEUE_MAX = 256 * 1024, /* while the host does not listen */
	RETRY_US = 1000000,
	BATCH = 64,
};

/* Two ends that know nothing of each other but the queue:
 *
 *   in_ready: a message of a program ----> queue ----> out_ready: to the host, as much as it takes
 *
 *   out:  NOT CONNECTED -- syslog_dial --> CONNECTING --> CONNECTED
 *              ^                               |              |
 *              +----- a second later ----------+--------------+  refused, or the end
 *
 * Messages wait in `queue`, each with its length in front, until the host's end has taken them. The first may have been
 * taken in part: when the connection ends, it is sent again from its start. */
struct syslog {
	struct loop *loop;
	uint32_t port;
	struct sockaddr_un address;
	struct loop_io in, out; /* out.fd -1: not connected */
	struct loop_timer retry;
	struct buf queue;
	size_t sent; /* bytes of the first message */
	bool connected;
	unsigned long lost;
};

static void syslog_dial(struct syslog *s);

/* Bytes of the first message and its length. */
static size_t syslog_first_size(const struct syslog *s)
{
	const char *text = buf_text(&s->queue);
	size_t len = strtoul(text, NULL, 10);

	return strcspn(text, " ") + 1 + len;
}

static void syslog_disconnect(struct syslog *s)
{
	loop_io_remove(&s->out);
	if (s->out.fd >= 0)
		close(s->out.fd);
	s->out.fd = -1;
	s->connected = false;
	s->sent = 0;
	loop_timer_after(s->loop, &s->retry, RETRY_US, NULL);
}

static void syslog_flush(struct syslog *s)
{
	while (s->connected && s->queue.len > 0) {
		size_t size = syslog_first_size(s);
		ssize_t n =
			send(s->out.fd, buf_bytes(&s->queue) + s->sent, size - s->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			if (errno != EAGAIN)
				syslog_disconnect(s);
			return;
		}
		s->sent += (size_t)n;
		if (s->sent < size)
			continue;
		buf_consume(&s->queue, size);
		s->sent = 0;
	}
	if (s->queue.len == 0)
		buf_free(&s->queue);
	if (s->lost > 0 && s->connected) {
		log_warn("syslog: %lu messages were lost", s->lost);
		s->lost = 0;
	}
}

static void out_ready(struct loop_io *io, uint32_t events)
{
	struct syslog *s = io->data;
	char byte;
	int code = 0;
	socklen_t len = sizeof(code);

	if (!s->connected) {
		if (getsockopt(io->fd, SOL_SOCKET, SO_ERROR, &code, &len) < 0 || code != 0) {
			syslog_disconnect(s);
			return;
		}
		s->connected = true;
		loop_timer_disarm(&s->retry);
	}
	/* The host says nothing on this connection, but its end. */
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR) || recv(io->fd, &byte, 1, MSG_DONTWAIT) == 0) {
		syslog_disconnect(s);
		return;
	}
	syslog_flush(s);
}

static void syslog_dial(struct syslog *s)
{
	s->out = (struct loop_io){ .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .fn = out_ready, .data = s };
	s->out.fd = vsock_connect(CID_HOST, s->port, SOCK_STREAM, NULL);
	if (s->out.fd < 0 || loop_io_add(s->loop, &s->out, NULL) < 0)
		syslog_disconnect(s);
}

static void syslog_retry(struct loop_timer *t)
{
	struct syslog *s = t->data;

	if (s->out.fd < 0 && s->queue.len > 0)
		syslog_dial(s);
}

static void in_ready(struct loop_io *io, uint32_t events)
{
	static char message[MESSAGE_MAX];
	struct syslog *s = io->data;
	int i;

	(void)events;
	for (i = 0; i < BATCH; i++) {
		ssize_t n = recv(io->fd, message, sizeof(message), MSG_DONTWAIT);

		if (n <= 0)
			break;
		if (s->queue.len + (size_t)n + 16 > QUEUE_MAX || buf_addf(&s->queue, "%zd ", n) < 0 ||
		    buf_add(&s->queue, message, (size_t)n) < 0)
			s->lost++;
	}
	if (s->connected)
		syslog_flush(s);
	else if (s->out.fd < 0 && !loop_timer_armed(&s->retry) && s->queue.len > 0)
		syslog_dial(s);
}

/* The socket of the guest's programs; what another life left there is replaced. */
static int syslog_listen(struct syslog *s, struct error *err)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (unlink(s->address.sun_path) < 0 && errno != ENOENT)
		return error_set(err, errno, "remove %s", s->address.sun_path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&s->address, sizeof(s->address)) < 0)
		return error_set(err, errno, "%s", s->address.sun_path);
	s->in = (struct loop_io){ .fd = fd, .events = EPOLLIN, .fn = in_ready, .data = s };
	if (loop_io_add(s->loop, &s->in, err) < 0)
		return -1;
	steal_fd(&fd);
	return 0;
}

struct syslog *syslog_open(struct loop *loop, char *text, struct error *err)
{
	struct syslog *s = calloc(1, sizeof(*s));
	char *path = strchr(text, ':');

	if (!s) {
		error_set(err, ENOMEM, "syslog");
		return NULL;
	}
	if (path)
		*path++ = '\0';
	s->loop = loop;
	s->out.fd = -1;
	s->retry = (struct loop_timer){ .fn = syslog_retry, .data = s };
	if (vsock_parse_port(text, &s->port) < 0)
		error_set(err, 0, "\"%s\" is no vsock port, nor the GUID of one", text);
	else if (unixsock_address(&s->address, -1, NULL, path ? path : "/dev/log") < 0)
		error_set(err, errno, "%s", path);
	else if (syslog_listen(s, err) == 0)
		return s;
	free(s);
	return NULL;
}
