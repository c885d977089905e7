#include "client.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io.h"
#include "loop.h"
#include "str.h"
#include "ttrpc.h"
#include "ttrpc.pb-c.h"
#include "unixsock.h"

/* The shim is to say itself that the time is up; only one that does not is given up. */
enum { PATIENCE_MS = 60 * 1000 };

int client_connect(const char *address, struct error *err)
{
	struct sockaddr_un sun;
	int fd;

	if (str_starts(address, "unix://"))
		address += strlen("unix://");
	if (unixsock_address(&sun, -1, NULL, address) < 0)
		return error_set(err, errno, "%s", address);
	fd = unixsock_connect(&sun, SOCK_STREAM);
	return fd < 0 ? error_set(err, errno, "connect to %s", address) : fd;
}

static int wait_for(int fd, short events, uint64_t deadline, struct error *err)
{
	struct pollfd p = { .fd = fd, .events = events };
	uint64_t now = loop_now();
	int r;

	do
		r = poll(&p, 1, !deadline ? -1 : deadline <= now ? 0 : (int)((deadline - now) / 1000 + 1));
	while (r < 0 && errno == EINTR);
	return r == 1 ? 0 : error_set(err, r < 0 ? errno : ETIMEDOUT, "answer");
}

static int send_all(int fd, const struct buf *out, uint64_t deadline, struct error *err)
{
	size_t done = 0;

	while (done < out->len) {
		ssize_t n = send(fd, buf_bytes(out) + done, out->len - done, MSG_NOSIGNAL);

		if (n >= 0)
			done += (size_t)n;
		else if (errno == EAGAIN) {
			if (wait_for(fd, POLLOUT, deadline, err) < 0)
				return -1;
		} else if (errno != EINTR)
			return error_set(err, errno, "request");
	}
	return 0;
}

static ProtobufCMessage *answer_take(const struct ttrpc_frame *f, const ProtobufCMessageDescriptor *type,
				     struct error *err)
{
	Ttrpc__Response *r = ttrpc__response__unpack(NULL, f->length, f->data);
	ProtobufCMessage *m = NULL;

	if (!r)
		error_set(err, EPROTO, "answer");
	else if (r->status && r->status->code != 0) {
		error_set(err, 0, "status %d: %s", r->status->code, r->status->message);
		if (err)
			err->code = r->status->code;
	} else {
		m = protobuf_c_message_unpack(type, NULL, r->payload.len, r->payload.data);
		if (!m)
			error_set(err, EPROTO, "answer's payload");
	}
	if (r)
		ttrpc__response__free_unpacked(r, NULL);
	return m;
}

ProtobufCMessage *client_call(int fd, uint32_t stream, const char *service, const char *method, int timeout_ms,
			      const ProtobufCMessage *request, const ProtobufCMessageDescriptor *response,
			      struct error *err)
{
	_cleanup_buf_ struct buf out = { 0 }, in = { 0 };
	uint64_t deadline = timeout_ms ? loop_now() + ((uint64_t)timeout_ms + PATIENCE_MS) * 1000 : 0;
	struct ttrpc_reader reader = { 0 };

	if (ttrpc_add_request(&out, stream, service, method, (int64_t)timeout_ms * 1000000, request) < 0) {
		error_set(err, errno, "request");
		return NULL;
	}
	if (send_all(fd, &out, deadline, err) < 0)
		return NULL;
	for (;;) {
		struct ttrpc_frame frame;
		bool complete;
		size_t used = ttrpc_next(&reader, buf_bytes(&in), in.len, &frame, &complete);
		uint8_t *room;
		ssize_t n;

		if (complete && frame.stream == stream)
			return answer_take(&frame, response, err);
		buf_consume(&in, used);
		if (complete)
			continue;
		room = buf_reserve(&in, 65536);
		n = room ? recv(fd, room, 65536, 0) : -1;
		if (n > 0) {
			buf_commit(&in, (size_t)n);
		} else if (n == 0) {
			error_set(err, EPIPE, "connection");
			return NULL;
		} else if (errno == EAGAIN ? wait_for(fd, POLLIN, deadline, err) < 0
					   : errno != EINTR && error_set(err, errno, "connection") < 0) {
			return NULL;
		}
	}
}
