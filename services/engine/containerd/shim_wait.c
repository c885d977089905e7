#include "shim_wait.h"

#include <limits.h>
#include <string.h>
#include <sys/socket.h>

#include "io.h"
#include "jsonr.h"
#include "str.h"
#include "task_service.pb-c.h"
#include "ttrpc.h"
#include "ttrpc.pb-c.h"
#include "unixsock.h"

enum { FILE_MAX = 4096, ANSWER_MAX = 65536, PATIENCE_US = 1000 * 1000 };

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

static int response_code(const uint8_t *data, size_t n)
{
	Ttrpc__Response *r = ttrpc__response__unpack(NULL, n, data);
	Containerd__Task__V2__WaitResponse *m = r && (!r->status || r->status->code == 0)
		? containerd__task__v2__wait_response__unpack(NULL, r->payload.len, r->payload.data)
		: NULL;
	int code = m && m->exit_status <= 255 ? (int)m->exit_status : -1;

	if (m)
		containerd__task__v2__wait_response__free_unpacked(m, NULL);
	if (r)
		ttrpc__response__free_unpacked(r, NULL);
	return code;
}

int shim_answer_parse(const uint8_t *data, size_t n, int *code)
{
	struct ttrpc_reader reader = { 0 };
	struct ttrpc_frame frame;
	bool complete;

	ttrpc_next(&reader, data, n, &frame, &complete);
	if (!complete)
		return n > ANSWER_MAX ? -1 : 0;
	if (frame.oversized || frame.type != TTRPC_RESPONSE || frame.stream != 1)
		return -1;
	*code = response_code(frame.data, frame.length);
	return 1;
}

static void wait_finish(struct shim_wait *w, int code)
{
	shim_wait_cancel(w);
	w->done(w, code);
}

static void answer_ready(struct loop_io *io, uint32_t events)
{
	struct shim_wait *w = io->data;
	uint8_t *p = buf_reserve(&w->in, FILE_MAX);
	ssize_t n = p ? recv(io->fd, p, FILE_MAX, MSG_DONTWAIT) : -1;
	int code = -1, r = -1;

	(void)events;
	if (n > 0) {
		buf_commit(&w->in, (size_t)n);
		r = shim_answer_parse(buf_bytes(&w->in), w->in.len, &code);
	}
	if (r != 0)
		wait_finish(w, code);
}

static void answer_late(struct loop_timer *timer)
{
	wait_finish(timer->data, -1);
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

static int request_send(int fd, const char *id, int version)
{
	Containerd__Task__V2__WaitRequest wait = CONTAINERD__TASK__V2__WAIT_REQUEST__INIT;
	_cleanup_buf_ struct buf out = { 0 };

	wait.id = (char *)(uintptr_t)id; /* protobuf-c's strings lack the const */
	if (ttrpc_add_request(&out, 1, version > 2 ? "containerd.task.v3.Task" : "containerd.task.v2.Task", "Wait",
			      (int64_t)PATIENCE_US * 1000, &wait.base) < 0)
		return -1;
	/* So little fits the socket's buffer at once, or not at all. */
	return send(fd, buf_bytes(&out), out.len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)out.len ? 0 : -1;
}

int shim_wait_begin(struct shim_wait *w, struct loop *loop, const char *bundle, const char *id)
{
	_cleanup_free_ char *path = NULL;
	struct sockaddr_un address;
	int version;

	shim_wait_cancel(w);
	if (address_read(bundle, &path, &version) < 0 || unixsock_address(&address, -1, NULL, path) < 0)
		return -1;
	w->timer = (struct loop_timer){ .fn = answer_late, .data = w };
	w->io = (struct loop_io){
		.fd = unixsock_connect(&address, SOCK_STREAM), .events = EPOLLIN, .fn = answer_ready, .data = w
	};
	if (w->io.fd >= 0 && request_send(w->io.fd, id, version) == 0 && loop_io_add(loop, &w->io, NULL) == 0 &&
	    loop_timer_after(loop, &w->timer, PATIENCE_US, NULL) == 0)
		return 0;
	loop_io_remove(&w->io);
	cleanup_close(&w->io.fd);
	w->io.fd = -1;
	return -1;
}

void shim_wait_cancel(struct shim_wait *w)
{
	loop_timer_disarm(&w->timer);
	if (loop_io_active(&w->io)) {
		loop_io_remove(&w->io);
		cleanup_close(&w->io.fd);
		w->io.fd = -1;
	}
	buf_free(&w->in);
}
