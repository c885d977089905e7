/* lib/proto/grpc against a server made of nghttp2: unary and streaming calls, errors, cancellation, broken peers. */
#include <nghttp2/nghttp2.h>

#include "grpc.h"
#include "str.h"
#include "tap.h"

/* The server: answers by path, in process. */
struct server {
	nghttp2_session *session;
	struct buf request;
	char path[128];
	char namespace[64];
	struct buf answer; /* DATA of the response under way */
	const char *status, *message;
};

static ssize_t answer_read(nghttp2_session *session, int32_t stream, uint8_t *out, size_t max, uint32_t *flags,
			   nghttp2_data_source *source, void *user)
{
	struct server *s = user;
	size_t n = s->answer.len < max ? s->answer.len : max;
	nghttp2_nv trailer[2];
	size_t count = 0;

	(void)source;
	if (n)
		memcpy(out, buf_bytes(&s->answer), n);
	buf_consume(&s->answer, n);
	if (s->answer.len > 0)
		return (ssize_t)n;
	*flags |= NGHTTP2_DATA_FLAG_EOF;
	if (s->status) {
		*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
		trailer[count++] =
			(nghttp2_nv){ (uint8_t *)"grpc-status", (uint8_t *)s->status, 11, strlen(s->status), 0 };
		if (s->message)
			trailer[count++] = (nghttp2_nv){ (uint8_t *)"grpc-message", (uint8_t *)s->message, 12,
							 strlen(s->message), 0 };
		nghttp2_submit_trailer(session, stream, trailer, count);
	}
	return (ssize_t)n;
}

static void add_message(struct buf *b, const char *data, size_t len)
{
	uint8_t prefix[5] = { 0, (uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len };

	buf_add(b, prefix, 5);
	buf_add(b, data, len);
}

static int server_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct server *s = user;
	nghttp2_nv ok_header[] = { { (uint8_t *)":status", (uint8_t *)"200", 7, 3, 0 } };
	nghttp2_nv not_found[] = { { (uint8_t *)":status", (uint8_t *)"404", 7, 3, 0 } };
	nghttp2_data_provider provider = { .read_callback = answer_read };
	char big[100000];

	if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM) ||
	    (frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS))
		return 0;
	buf_clear(&s->answer);
	s->status = "0";
	s->message = NULL;
	if (str_eq(s->path, "/t/Echo")) {
		buf_add(&s->answer, buf_bytes(&s->request), s->request.len);
	} else if (str_eq(s->path, "/t/Three")) {
		memset(big, 'b', sizeof(big));
		add_message(&s->answer, "one", 3);
		add_message(&s->answer, big, sizeof(big));
		add_message(&s->answer, "", 0);
	} else if (str_eq(s->path, "/t/Fail")) {
		s->status = "5";
		s->message = "task %22x%22 not found%";
	} else if (str_eq(s->path, "/t/Cut")) {
		buf_add(&s->answer, "\0\0\0\0\5ab", 7);
	} else if (str_eq(s->path, "/t/Compressed")) {
		buf_add(&s->answer, "\1\0\0\0\1a", 6);
	} else if (str_eq(s->path, "/t/Huge")) {
		buf_add(&s->answer, "\0\377\377\377\377a", 6);
	} else if (str_eq(s->path, "/t/Silent")) {
		return 0;
	} else {
		nghttp2_submit_response(session, frame->hd.stream_id, not_found, 1, NULL);
		return 0;
	}
	nghttp2_submit_response(session, frame->hd.stream_id, ok_header, 1, &provider);
	return 0;
}

static int server_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
			 const uint8_t *value, size_t value_len, uint8_t flags, void *user)
{
	struct server *s = user;

	(void)session;
	(void)frame;
	(void)flags;
	(void)name_len;
	if (str_eq((const char *)name, ":path")) {
		snprintf(s->path, sizeof(s->path), "%.*s", (int)value_len, (const char *)value);
		buf_clear(&s->request);
	}
	if (str_eq((const char *)name, "containerd-namespace"))
		snprintf(s->namespace, sizeof(s->namespace), "%.*s", (int)value_len, (const char *)value);
	return 0;
}

static int server_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data, size_t len,
		       void *user)
{
	struct server *s = user;

	(void)session;
	(void)flags;
	(void)stream;
	buf_add(&s->request, data, len);
	return 0;
}

static void server_new(struct server *s)
{
	nghttp2_session_callbacks *c;

	nghttp2_session_callbacks_new(&c);
	nghttp2_session_callbacks_set_on_frame_recv_callback(c, server_frame);
	nghttp2_session_callbacks_set_on_header_callback(c, server_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, server_data);
	nghttp2_session_server_new(&s->session, c, s);
	nghttp2_session_callbacks_del(c);
	nghttp2_submit_settings(s->session, 0, NULL, 0);
}

static void server_free(struct server *s)
{
	nghttp2_session_del(s->session);
	buf_free(&s->request);
	buf_free(&s->answer);
}

/* Carries bytes both ways, `chunk` at a time, until both are silent. */
static int pump(struct grpc *g, struct server *s, size_t chunk)
{
	_cleanup_buf_ struct buf out = { 0 };

	for (;;) {
		const uint8_t *data;
		ssize_t n;
		bool moved = false;

		if (grpc_output(g, &out, 4096, NULL) < 0)
			return -1;
		if (out.len) {
			moved = true;
			nghttp2_session_mem_recv(s->session, buf_bytes(&out), out.len);
			buf_clear(&out);
		}
		while ((n = nghttp2_session_mem_send(s->session, &data)) > 0) {
			moved = true;
			for (ssize_t i = 0; i < n; i += (ssize_t)chunk) {
				size_t part = (size_t)(n - i) < chunk ? (size_t)(n - i) : chunk;

				if (grpc_feed(g, data + i, part, NULL) < 0)
					return -1;
			}
		}
		if (!moved)
			return 0;
	}
}

struct outcome {
	struct buf messages; /* lengths, text */
	int count, ended;
	enum grpc_status status;
	char text[128];
	bool cancel;
};

static void on_message(struct grpc_call *call, const uint8_t *data, size_t len)
{
	struct outcome *o = call->data;

	o->count++;
	buf_addf(&o->messages, "%zu:%.*s ", len, (int)(len < 10 ? len : 10), (const char *)data);
	if (o->cancel)
		grpc_call_cancel(call);
}

static void on_done(struct grpc_call *call, enum grpc_status status, const char *message)
{
	struct outcome *o = call->data;

	o->ended++;
	o->status = status;
	snprintf(o->text, sizeof(o->text), "%s", message);
}

static void test_calls(size_t chunk)
{
	static const struct {
		const char *method;
		enum grpc_status status;
		const char *text, *messages;
	} table[] = {
		{ "/t/Echo", GRPC_OK, "", "5:hello " },
		{ "/t/Three", GRPC_OK, "", "3:one 100000:bbbbbbbbbb 0: " },
		{ "/t/Fail", GRPC_NOT_FOUND, "task \"x\" not found%", "" },
		{ "/t/Cut", GRPC_INTERNAL, "response message cut off", "" },
		{ "/t/Compressed", GRPC_INTERNAL, "compressed response message", "" },
		{ "/t/Huge", GRPC_RESOURCE_EXHAUSTED, "response message too large", "" },
		{ "/t/Unknown", GRPC_UNIMPLEMENTED, "HTTP status 404", "" },
	};
	struct grpc_header ns = { "containerd-namespace", "services.linuxkit" };
	struct server s = { 0 };
	struct grpc *g = grpc_new(NULL);

	server_new(&s);
	for (size_t i = 0; i < array_len(table); i++) {
		struct outcome o = { 0 };
		struct grpc_call call = { .message = on_message, .done = on_done, .data = &o };

		ok(grpc_call_start(g, &call, table[i].method, &ns, 1, "hello", 5, NULL) == 0, "%s starts",
		   table[i].method);
		ok(pump(g, &s, chunk) == 0 && o.ended == 1 && o.status == table[i].status,
		   "%s ends once with status %d (%d)", table[i].method, table[i].status, o.status);
		ok_str(o.text, table[i].text, "its text");
		ok_str(buf_text(&o.messages), table[i].messages, "its messages");
		buf_free(&o.messages);
	}
	ok_str(s.namespace, "services.linuxkit", "headers arrive");
	grpc_free(g, NULL);
	server_free(&s);
}

static void test_cancel(void)
{
	struct outcome o = { .cancel = true }, silent = { 0 }, gone = { 0 };
	struct grpc_call call = { .message = on_message, .done = on_done, .data = &o };
	struct grpc_call quiet = { .done = on_done, .data = &silent };
	struct grpc_call unsent = { .done = on_done, .data = &gone };
	struct server s = { 0 };
	struct grpc *g = grpc_new(NULL);

	server_new(&s);
	grpc_call_start(g, &unsent, "/t/Echo", NULL, 0, "x", 1, NULL);
	grpc_call_cancel(&unsent);
	grpc_call_start(g, &call, "/t/Three", NULL, 0, NULL, 0, NULL);
	pump(g, &s, 1000);
	ok(o.count == 1 && o.ended == 0 && !grpc_call_active(&call),
	   "a call cancelled in its callback is silent afterwards");
	ok(gone.ended == 0, "a call cancelled before it was sent is silent");
	grpc_call_start(g, &quiet, "/t/Silent", NULL, 0, NULL, 0, NULL);
	pump(g, &s, 1000);
	ok(silent.ended == 0, "an unanswered call stays open");
	grpc_free(g, "containerd went away");
	ok(silent.ended == 1 && silent.status == GRPC_UNAVAILABLE, "and ends with the connection");
	ok_str(silent.text, "containerd went away", "with the reason");
	buf_free(&o.messages);
	server_free(&s);
}

static void test_garbage(void)
{
	struct outcome o = { 0 };
	struct grpc_call call = { .done = on_done, .data = &o };
	struct grpc *g = grpc_new(NULL);
	_cleanup_error_ struct error e = { 0 };
	_cleanup_buf_ struct buf out = { 0 };

	grpc_call_start(g, &call, "/t/Echo", NULL, 0, "x", 1, NULL);
	grpc_output(g, &out, 4096, NULL);
	ok(grpc_feed(g, "HTTP/1.1 400 Bad Request\r\n\r\n", 28, &e) == -1 || grpc_output(g, &out, 4096, &e) == -1,
	   "a peer that does not speak HTTP/2 is refused");
	grpc_free(g, error_text(&e));
	ok(o.ended == 1 && o.status == GRPC_UNAVAILABLE, "its calls end");
}

int main(void)
{
	test_calls(1 << 20);
	test_calls(1);
	test_cancel();
	test_garbage();
	return tap_done();
}
