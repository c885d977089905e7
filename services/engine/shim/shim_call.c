#include "shim_call.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>

#include "io.h"
#include "jsonr.h"
#include "str.h"
#include "ttrpc.h"
#include "ttrpc.pb-c.h"
#include "unixsock.h"

enum { FILE_MAX = 4096, ANSWER_MAX = 65536 };

/* --- bytes ------------------------------------------------------------------------------------------------------ */

/* A bootstrap.json; containerd writes nothing behind the object, and another shim may. */
static int bootstrap_parse(const char *text, size_t n, char **address, int *version)
{
	struct jsonr doc, v, protocol;
	const char *rest;
	uint64_t number;

	if (jsonr_parse_next(text, n, &doc, &rest, NULL) <= 0)
		return -1;
	protocol = jsonr_get(&doc, "protocol");
	if (protocol.type == JSONR_STRING && !jsonr_is(&protocol, "ttrpc"))
		return -1;
	v = jsonr_get(&doc, "version");
	*version = jsonr_u64(&v, &number) == 0 && number <= INT_MAX ? (int)number : 0;
	v = jsonr_get(&doc, "address");
	*address = jsonr_text(&v);
	return *address ? 0 : -1;
}

int shim_address_parse(const char *text, size_t n, char **path, int *version)
{
	_cleanup_free_ char *address = NULL;

	*path = NULL;
	*version = 2;
	if (n > 0 && text[0] == '{') {
		if (bootstrap_parse(text, n, &address, version) < 0)
			return -1;
	} else {
		address = strndup(text, n);
	}
	if (!address || *version < 2)
		return -1;
	address[strcspn(address, "\n")] = '\0';
	if (!str_starts(address, "unix:///"))
		return -1;
	*path = strdup(address + strlen("unix://"));
	return *path ? 0 : -1;
}

void shim_answer_clear(struct shim_answer *a)
{
	free(a->message);
	free(a->payload);
	*a = (struct shim_answer){ 0 };
}

static int answer_fill(struct shim_answer *out, const Ttrpc__Response *r)
{
	if (r->status && r->status->code != GRPC_OK) {
		out->status = (enum grpc_status)r->status->code;
		out->message = strdup(r->status->message);
		return out->message ? 1 : -1;
	}
	out->payload = malloc(r->payload.len + 1);
	if (!out->payload)
		return -1;
	if (r->payload.len > 0)
		memcpy(out->payload, r->payload.data, r->payload.len);
	out->len = r->payload.len;
	return 1;
}

int shim_response_parse(const uint8_t *data, size_t n, struct shim_answer *out)
{
	struct ttrpc_reader reader = { 0 };
	struct ttrpc_frame frame;
	Ttrpc__Response *response;
	bool complete;
	int r;

	*out = (struct shim_answer){ 0 };
	ttrpc_next(&reader, data, n, &frame, &complete);
	if (!complete)
		return n > ANSWER_MAX ? -1 : 0;
	if (frame.oversized || frame.type != TTRPC_RESPONSE || frame.stream != 1)
		return -1;
	response = ttrpc__response__unpack(NULL, frame.length, frame.data);
	if (!response)
		return -1;
	r = answer_fill(out, response);
	ttrpc__response__free_unpacked(response, NULL);
	return r;
}

/* --- the call --------------------------------------------------------------------------------------------------- */

void shim_call_cancel(struct shim_call *c)
{
	loop_timer_disarm(&c->timer);
	if (loop_io_active(&c->io)) {
		loop_io_remove(&c->io);
		cleanup_close(&c->io.fd);
		c->io.fd = -1;
	}
	buf_free(&c->in);
	buf_free(&c->out);
}

static void call_fail(struct shim_call *c, enum grpc_status status, const char *message)
{
	shim_call_cancel(c);
	c->done(c, status, NULL, 0, message);
}

static int request_flush(struct shim_call *c)
{
	while (c->out.len > 0) {
		ssize_t n = send(c->io.fd, buf_bytes(&c->out), c->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n >= 0)
			buf_consume(&c->out, (size_t)n);
		else if (errno == EAGAIN)
			break;
		else if (errno != EINTR)
			return -1;
	}
	return loop_io_want(&c->io, EPOLLIN | (c->out.len ? EPOLLOUT : 0u), NULL);
}

static void answer_read(struct shim_call *c)
{
	_cleanup_shim_answer_ struct shim_answer answer = { 0 };
	uint8_t *room = buf_reserve(&c->in, FILE_MAX);
	ssize_t n = room ? recv(c->io.fd, room, FILE_MAX, MSG_DONTWAIT) : -1;
	int r = -1;

	if (room && n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		buf_commit(&c->in, (size_t)n);
		r = shim_response_parse(buf_bytes(&c->in), c->in.len, &answer);
	}
	if (r < 0) {
		call_fail(c, GRPC_UNKNOWN, "the shim does not answer");
	} else if (r > 0) {
		shim_call_cancel(c);
		c->done(c, answer.status, answer.payload, answer.len, answer.message);
	}
}

static void socket_ready(struct loop_io *io, uint32_t events)
{
	struct shim_call *c = io->data;

	if ((events & EPOLLOUT) && request_flush(c) < 0) {
		call_fail(c, GRPC_UNKNOWN, "the shim takes no calls");
		return;
	}
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		answer_read(c);
}

static void answer_late(struct loop_timer *timer)
{
	call_fail(timer->data, GRPC_DEADLINE_EXCEEDED, "the shim takes too long");
}

static int address_read(const char *bundle, char **path, int *version)
{
	static const char *const files[] = { "bootstrap.json", "address" };
	size_t i;

	for (i = 0; i < array_len(files); i++) {
		_cleanup_free_ char *file = str_format("%s/%s", bundle, files[i]);
		_cleanup_buf_ struct buf text = { 0 };

		if (file && file_read(file, FILE_MAX, &text, NULL) == 0 &&
		    shim_address_parse(buf_text(&text), text.len, path, version) == 0)
			return 0;
	}
	return -1;
}

int shim_connect(const char *bundle, int *version)
{
	_cleanup_free_ char *path = NULL;
	struct sockaddr_un address;

	if (address_read(bundle, &path, version) < 0 || unixsock_address(&address, -1, NULL, path) < 0)
		return -1;
	return unixsock_connect(&address, SOCK_STREAM);
}

int shim_call_begin(struct shim_call *c, struct loop *loop, const char *bundle, const char *method,
		    const ProtobufCMessage *request, uint64_t limit_us)
{
	int version = 0;

	shim_call_cancel(c);
	c->timer = (struct loop_timer){ .fn = answer_late, .data = c };
	c->io = (struct loop_io){
		.fd = shim_connect(bundle, &version), .events = EPOLLIN, .fn = socket_ready, .data = c
	};
	if (c->io.fd >= 0 &&
	    ttrpc_add_request(&c->out, 1, version > 2 ? "containerd.task.v3.Task" : "containerd.task.v2.Task", method,
			      (int64_t)limit_us * 1000, request) == 0 &&
	    loop_io_add(loop, &c->io, NULL) == 0 && request_flush(c) == 0 &&
	    (limit_us == 0 || loop_timer_after(loop, &c->timer, limit_us, NULL) == 0))
		return 0;
	if (loop_io_active(&c->io))
		loop_io_remove(&c->io);
	cleanup_close(&c->io.fd);
	c->io.fd = -1;
	shim_call_cancel(c);
	return -1;
}
