#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#include "cleanup.h"
#include "connection_private.h"
#include "str.h"
#include "ttrpc.h"
#include "ttrpc.pb-c.h"

enum {
	CALLS_MAX = 1 << 14,       /* of one connection */
	MESSAGE_MEMORY = 32 << 20, /* of an unpacked request: some messages are many times their size on the wire */
};

/* --- memory of requests: bounded, so that a small frame cannot become a large message ----------------------------- */

static void *bounded_alloc(void *data, size_t n)
{
	size_t *left = data;

	if (n > *left)
		return NULL;
	*left -= n;
	return malloc(n);
}

static void bounded_free(void *data, void *p)
{
	(void)data;
	free(p);
}

static ProtobufCMessage *message_unpack(const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t n)
{
	size_t left = MESSAGE_MEMORY;
	ProtobufCAllocator allocator = { .alloc = bounded_alloc, .free = bounded_free, .allocator_data = &left };

	return protobuf_c_message_unpack(type, &allocator, n, data);
}

/* --- calls -------------------------------------------------------------------------------------------------------- */

static void call_free(struct call *call)
{
	struct connection *c = call->connection;

	loop_timer_disarm(&call->deadline);
	if (c) {
		list_remove(&call->place);
		c->call_count--;
	}
	if (call->request)
		protobuf_c_message_free_unpacked(call->request, NULL);
	if (call->server->dispatching == call)
		call->server->dispatching = NULL;
	free(call);
}

static void deadline_passed(struct loop_timer *timer)
{
	call_cancel(timer->data, GRPC_DEADLINE_EXCEEDED);
}

uint64_t call_deadline(const struct call *call)
{
	return call->deadline_us;
}

void *call_data(const struct call *call)
{
	return call->server->data;
}

void call_keep_request(struct call *call)
{
	call->kept = true;
}

void call_on_cancel(struct call *call, cancel_fn *fn, void *data)
{
	call->cancel = fn;
	call->cancel_data = data;
}

void call_reply(struct call *call, const ProtobufCMessage *response)
{
	struct connection *c = call->connection;
	uint32_t stream = call->stream;

	call_free(call);
	if (!c || c->broken)
		return;
	if (ttrpc_add_response(&c->out, stream, response) < 0 &&
	    (errno != EMSGSIZE ||
	     ttrpc_add_error(&c->out, stream, GRPC_RESOURCE_EXHAUSTED, "the answer is longer than ttrpc allows") < 0))
		connection_break(c);
	connection_flush(c);
}

static void connection_fail(struct connection *c, uint32_t stream, enum grpc_status status, const char *text)
{
	if (ttrpc_add_error(&c->out, stream, (int)status, text) < 0)
		connection_break(c);
	connection_flush(c);
}

void call_fail(struct call *call, enum grpc_status status, const char *fmt, ...)
{
	struct connection *c = call->connection;
	uint32_t stream = call->stream;
	_cleanup_buf_ struct buf text = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	call_free(call);
	if (c && !c->broken)
		connection_fail(c, stream, status, buf_text(&text));
}

/* --- requests ----------------------------------------------------------------------------------------------------- */

static const struct method *method_find(const struct server *s, const char *service, const char *method, bool *known)
{
	*known = false;
	for (const struct service *const *at = s->services; *at; at++) {
		const struct service *v = *at;

		for (size_t n = 0; v->names[n]; n++) {
			if (!str_eq(v->names[n], service))
				continue;
			*known = true;
			for (size_t m = 0; m < v->method_count; m++)
				if (str_eq(v->methods[m].name, method))
					return &v->methods[m];
		}
	}
	return NULL;
}

static void call_dispatch(struct connection *c, uint32_t stream, const Ttrpc__Request *r, const struct method *m)
{
	struct server *s = c->server;
	struct call *call = calloc(1, sizeof(*call));
	ProtobufCMessage *request = message_unpack(m->request, r->payload.data, r->payload.len);

	if (!call || !request) {
		connection_fail(c, stream, call ? GRPC_INVALID_ARGUMENT : GRPC_RESOURCE_EXHAUSTED,
				call ? "the request's payload is not what the method takes" : "out of memory");
		if (request)
			protobuf_c_message_free_unpacked(request, NULL);
		free(call);
		return;
	}
	*call = (struct call){ .server = s, .connection = c, .stream = stream, .request = request };
	list_append(&c->calls, &call->place);
	c->call_count++;
	call->deadline = (struct loop_timer){ .fn = deadline_passed, .data = call };
	if (r->timeout_nano > 0) {
		call->deadline_us = loop_now() + (uint64_t)r->timeout_nano / 1000;
		/* Without memory for a timer the call has no limit on our side: its caller still keeps time. */
		(void)loop_timer_arm(s->loop, &call->deadline, call->deadline_us, NULL);
	}
	s->dispatching = call;
	m->fn(call, request);
	/* Still there, then waiting for something: without its request, if it does not need that. */
	if (s->dispatching == call && !call->kept) {
		protobuf_c_message_free_unpacked(call->request, NULL);
		call->request = NULL;
	}
	s->dispatching = NULL;
}

static void request_take(struct connection *c, const struct ttrpc_frame *f)
{
	Ttrpc__Request *r = (Ttrpc__Request *)message_unpack(&ttrpc__request__descriptor, f->data, f->length);
	const struct method *m = NULL;
	bool known;

	if (!r) {
		connection_fail(c, f->stream, GRPC_INVALID_ARGUMENT, "the request is no ttrpc.Request");
		return;
	}
	m = method_find(c->server, r->service, r->method, &known);
	if (!m) {
		_cleanup_free_ char *text =
			known ? str_format("method %s", r->method) : str_format("service %s", r->service);

		connection_fail(c, f->stream, GRPC_UNIMPLEMENTED, text ? text : "");
	} else if (f->flags & TTRPC_REMOTE_OPEN) {
		connection_fail(c, f->stream, GRPC_UNIMPLEMENTED, "streaming requests");
	} else if (c->call_count >= CALLS_MAX) {
		connection_fail(c, f->stream, GRPC_RESOURCE_EXHAUSTED, "too many calls under way");
	} else {
		call_dispatch(c, f->stream, r, m);
	}
	ttrpc__request__free_unpacked(r, NULL);
}

void call_frame_take(struct connection *c, const struct ttrpc_frame *f)
{
	if (f->oversized) {
		connection_fail(c, f->stream, GRPC_RESOURCE_EXHAUSTED, "the message is longer than ttrpc allows");
		return;
	}
	if (f->stream % 2 == 0) {
		connection_fail(c, f->stream, GRPC_INVALID_ARGUMENT, "a client's stream has an odd number");
		return;
	}
	switch (f->type) {
	case TTRPC_REQUEST:
		if (f->stream <= c->last_stream) {
			connection_fail(c, f->stream, GRPC_INVALID_ARGUMENT, "stream numbers have to grow");
			return;
		}
		c->last_stream = f->stream;
		request_take(c, f);
		return;
	case TTRPC_DATA:
		connection_fail(c, f->stream, GRPC_INVALID_ARGUMENT, "the stream takes no data");
		return;
	default:
		return; /* of a protocol that is newer than ours */
	}
}
