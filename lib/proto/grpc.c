#include "grpc.h"

#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <string.h>

#include "str.h"

struct grpc {
	nghttp2_session *session;
	struct grpc_call *calls; /* under way */
};

enum {
	PREFIX = 5,                /* compressed flag, then the length as 32 bit big-endian */
	TEXT_MAX = 4096,           /* of grpc-message that is kept */
	STREAM_WINDOW = 256 << 10, /* a larger window than HTTP/2's 64 KiB: fewer WINDOW_UPDATE frames */
};

/* --- calls ------------------------------------------------------------------------------------------------- */

static void call_unlink(struct grpc_call *call)
{
	struct grpc_call **p;

	for (p = &call->connection->calls; *p; p = &(*p)->next) {
		if (*p == call) {
			*p = call->next;
			break;
		}
	}
	call->connection = NULL;
	call->next = NULL;
}

static void call_release(struct grpc_call *call)
{
	buf_free(&call->request);
	buf_free(&call->response);
	buf_free(&call->text);
}

static void call_end(struct grpc_call *call, enum grpc_status status, const char *message)
{
	struct buf text = call->text;

	call->text = (struct buf){ 0 };
	call_unlink(call);
	call_release(call);
	call->done(call, status, message ? message : buf_text(&text));
	buf_free(&text);
}

/* Our own verdict: tell the peer to stop and report. */
static void call_abort(struct grpc_call *call, enum grpc_status status, const char *message)
{
	nghttp2_submit_rst_stream(call->connection->session, NGHTTP2_FLAG_NONE, call->stream, NGHTTP2_CANCEL);
	nghttp2_session_set_stream_user_data(call->connection->session, call->stream, NULL);
	call_end(call, status, message);
}

void grpc_call_cancel(struct grpc_call *call)
{
	if (!call->connection)
		return;
	nghttp2_submit_rst_stream(call->connection->session, NGHTTP2_FLAG_NONE, call->stream, NGHTTP2_CANCEL);
	nghttp2_session_set_stream_user_data(call->connection->session, call->stream, NULL);
	call_unlink(call);
	call_release(call);
}

/* --- what nghttp2 calls ---------------------------------------------------------------------------------------- */

static ssize_t read_request(nghttp2_session *session, int32_t stream, uint8_t *out, size_t max, uint32_t *flags,
			    nghttp2_data_source *source, void *user)
{
	/* Looked up by the stream, since a cancelled call's memory may be gone while its frames still wait. */
	struct grpc_call *call = nghttp2_session_get_stream_user_data(session, stream);
	size_t n;

	(void)source;
	(void)user;
	if (!call)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	n = call->request.len < max ? call->request.len : max;
	if (n > 0)
		memcpy(out, buf_bytes(&call->request), n);
	buf_consume(&call->request, n);
	if (call->request.len == 0)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

static int grpc_hex(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* grpc-message is percent-encoded; a broken escape stays as it is, as the specification asks. */
static void text_decode(struct buf *out, const uint8_t *s, size_t n)
{
	size_t i;

	if (n > TEXT_MAX)
		n = TEXT_MAX;
	buf_clear(out);
	for (i = 0; i < n; i++) {
		uint8_t c = s[i];

		if (c == '%' && i + 2 < n && grpc_hex(s[i + 1]) >= 0 && grpc_hex(s[i + 2]) >= 0) {
			c = (uint8_t)(grpc_hex(s[i + 1]) << 4 | grpc_hex(s[i + 2]));
			i += 2;
		}
		if (buf_add(out, c ? &c : (const uint8_t *)" ", 1) < 0)
			return; /* the text only explains: without memory it stays short */
	}
}

static int small_number(const uint8_t *s, size_t n, int max)
{
	int v = 0;

	if (n == 0 || n > 4)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -1;
		v = v * 10 + (s[i] - '0');
	}
	return v > max ? -1 : v;
}

static bool name_is(const char *want, const uint8_t *name, size_t n)
{
	return n == strlen(want) && memcmp(want, name, n) == 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
		     const uint8_t *value, size_t value_len, uint8_t flags, void *user)
{
	struct grpc_call *call = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

	(void)flags;
	(void)user;
	if (!call)
		return 0;
	if (name_is("grpc-status", name, name_len)) {
		call->status = small_number(value, value_len, GRPC_UNAUTHENTICATED);
		if (call->status < 0)
			call->status = GRPC_UNKNOWN;
	} else if (name_is("grpc-message", name, name_len)) {
		text_decode(&call->text, value, value_len);
	} else if (name_is(":status", name, name_len)) {
		call->http_status = small_number(value, value_len, 999);
	}
	return 0;
}

/* Cuts whole messages out of what has come so far. */
static void messages_take(struct grpc_call *call)
{
	while (call->connection && call->response.len >= PREFIX) {
		const uint8_t *p = buf_bytes(&call->response);
		uint32_t len = (uint32_t)p[1] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 8 | p[4];
		struct buf held;

		if (p[0] != 0) {
			call_abort(call, GRPC_INTERNAL, "compressed response message");
			return;
		}
		if (len > GRPC_MESSAGE_MAX) {
			call_abort(call, GRPC_RESOURCE_EXHAUSTED, "response message too large");
			return;
		}
		if (call->response.len - PREFIX < len)
			return;
		if (!call->message) {
			buf_consume(&call->response, PREFIX + len);
			continue;
		}
		/* The callback may cancel the call, which frees its buffers: hold this one apart meanwhile. */
		held = call->response;
		call->response = (struct buf){ 0 };
		call->message(call, buf_bytes(&held) + PREFIX, len);
		if (!call->connection) {
			buf_free(&held);
			return;
		}
		buf_consume(&held, PREFIX + len);
		call->response = held;
	}
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data, size_t len, void *user)
{
	struct grpc_call *call = nghttp2_session_get_stream_user_data(session, stream);

	(void)flags;
	(void)user;
	if (!call)
		return 0;
	if (buf_add(&call->response, data, len) < 0) {
		call_abort(call, GRPC_RESOURCE_EXHAUSTED, "no memory for the response");
		return 0;
	}
	messages_take(call);
	return 0;
}

static int on_close(nghttp2_session *session, int32_t stream, uint32_t code, void *user)
{
	struct grpc_call *call = nghttp2_session_get_stream_user_data(session, stream);
	char text[64];

	(void)user;
	if (!call)
		return 0;
	if (call->status >= 0 && (call->status != GRPC_OK || call->response.len == 0)) {
		call_end(call, (enum grpc_status)call->status, NULL);
	} else if (call->status == GRPC_OK) {
		call_end(call, GRPC_INTERNAL, "response message cut off");
	} else if (call->http_status > 0 && call->http_status != 200) {
		snprintf(text, sizeof(text), "HTTP status %d", call->http_status);
		call_end(call, call->http_status == 404 ? GRPC_UNIMPLEMENTED : GRPC_UNKNOWN, text);
	} else {
		snprintf(text, sizeof(text), "stream closed: %s", nghttp2_http2_strerror(code));
		call_end(call, code == NGHTTP2_REFUSED_STREAM ? GRPC_UNAVAILABLE : GRPC_INTERNAL, text);
	}
	return 0;
}

/* --- connection -------------------------------------------------------------------------------------------------- */

struct grpc *grpc_new(struct error *err)
{
	static const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW },
	};
	nghttp2_session_callbacks *callbacks = NULL;
	struct grpc *g = calloc(1, sizeof(*g));
	int r = NGHTTP2_ERR_NOMEM;

	if (g && nghttp2_session_callbacks_new(&callbacks) == 0) {
		nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
		nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
		nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
		r = nghttp2_session_client_new(&g->session, callbacks, g);
		nghttp2_session_callbacks_del(callbacks);
		if (r == 0)
			r = nghttp2_submit_settings(g->session, NGHTTP2_FLAG_NONE, settings, array_len(settings));
		if (r == 0)
			r = nghttp2_session_set_local_window_size(g->session, NGHTTP2_FLAG_NONE, 0, 4 * STREAM_WINDOW);
	}
	if (r != 0) {
		error_set(err, 0, "gRPC connection: %s", nghttp2_strerror(r));
		if (g)
			nghttp2_session_del(g->session);
		free(g);
		return NULL;
	}
	return g;
}

void grpc_free(struct grpc *g, const char *reason)
{
	if (!g)
		return;
	while (g->calls) {
		nghttp2_session_set_stream_user_data(g->session, g->calls->stream, NULL);
		call_end(g->calls, GRPC_UNAVAILABLE, reason ? reason : "connection closed");
	}
	nghttp2_session_del(g->session);
	free(g);
}

static nghttp2_nv header_of(const char *name, const char *value)
{
	/* nghttp2 copies both: its interface only lacks the const. */
	return (nghttp2_nv){ .name = (uint8_t *)(uintptr_t)name,
			     .value = (uint8_t *)(uintptr_t)value,
			     .namelen = strlen(name),
			     .valuelen = strlen(value),
			     .flags = NGHTTP2_NV_FLAG_NONE };
}

int grpc_call_start(struct grpc *g, struct grpc_call *call, const char *method, const struct grpc_header *headers,
		    size_t header_count, const void *request, size_t len, struct error *err)
{
	nghttp2_data_provider provider = { .read_callback = read_request };
	nghttp2_nv nv[16] = {
		header_of(":method", "POST"),
		header_of(":scheme", "http"),
		header_of(":path", method),
		header_of(":authority", "localhost"),
		header_of("content-type", "application/grpc"),
		header_of("te", "trailers"),
		header_of("user-agent", "pith"),
	};
	uint8_t prefix[PREFIX] = { 0, (uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len };
	size_t n = 7, i;

	if (len > GRPC_MESSAGE_MAX || header_count > array_len(nv) - n)
		return error_set(err, E2BIG, "%s", method);
	for (i = 0; i < header_count; i++)
		nv[n++] = header_of(headers[i].name, headers[i].value);
	call->request = call->response = call->text = (struct buf){ 0 };
	call->status = -1;
	call->http_status = 0;
	if (buf_add(&call->request, prefix, PREFIX) < 0 || buf_add(&call->request, request, len) < 0) {
		call_release(call);
		return error_set(err, ENOMEM, "%s", method);
	}
	call->stream = nghttp2_submit_request(g->session, NULL, nv, n, &provider, call);
	if (call->stream < 0) {
		call_release(call);
		return error_set(err, 0, "%s: %s", method, nghttp2_strerror(call->stream));
	}
	call->connection = g;
	call->next = g->calls;
	g->calls = call;
	return 0;
}

int grpc_feed(struct grpc *g, const void *data, size_t len, struct error *err)
{
	ssize_t n = nghttp2_session_mem_recv(g->session, data, len);

	if (n < 0)
		return error_set(err, 0, "gRPC connection: %s", nghttp2_strerror((int)n));
	if ((size_t)n != len || !nghttp2_session_want_read(g->session))
		return error_set(err, ECONNRESET, "gRPC connection");
	return 0;
}

int grpc_output(struct grpc *g, struct buf *out, size_t max, struct error *err)
{
	size_t before = out->len;

	while (out->len - before < max) {
		const uint8_t *data;
		ssize_t n = nghttp2_session_mem_send(g->session, &data);

		if (n < 0)
			return error_set(err, 0, "gRPC connection: %s", nghttp2_strerror((int)n));
		if (n == 0) {
			/* After a protocol error nghttp2 sends GOAWAY and wants nothing more of the peer. */
			return nghttp2_session_want_read(g->session) ? 0 : error_set(err, EPROTO, "gRPC connection");
		}
		if (buf_add(out, data, (size_t)n) < 0)
			return error_set(err, ENOMEM, "gRPC connection");
	}
	return 0;
}
