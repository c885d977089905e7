#include "rpc.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "str.h"
#include "unixsock.h"

enum { CHUNK = 16384 };

struct rpc {
	struct loop *loop;
	struct loop_io io;
	struct grpc *grpc;
	struct buf out;
	rpc_lost_fn *lost;
	void *data;
	bool dead;    /* broken: to be told in the loop, not from within a call's start */
	bool feeding; /* callbacks run: nghttp2 may not be entered again, nor freed */
	bool freed;   /* by one of those */
	struct loop_timer bury;
};

static void connection_lost(struct rpc *r)
{
	struct grpc *g = r->grpc;

	loop_io_remove(&r->io);
	loop_timer_disarm(&r->bury);
	r->dead = true;
	r->grpc = NULL;
	r->feeding = true;
	grpc_free(g, "connection to containerd lost");
	r->feeding = false;
	if (r->freed)
		rpc_free(r);
	else
		r->lost(r->data);
}

static void rpc_bury(struct loop_timer *timer)
{
	connection_lost(timer->data);
}

/* Sends what there is to send, as far as the socket takes it. */
static int output_flush(struct rpc *r)
{
	if (!r->grpc || grpc_output(r->grpc, &r->out, CHUNK, NULL) < 0)
		return -1;
	while (r->out.len > 0) {
		ssize_t n = send(r->io.fd, buf_bytes(&r->out), r->out.len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return loop_io_want(&r->io, EPOLLIN | EPOLLOUT, NULL);
		if (n < 0)
			return -1;
		buf_consume(&r->out, (size_t)n);
		if (r->out.len == 0 && grpc_output(r->grpc, &r->out, CHUNK, NULL) < 0)
			return -1;
	}
	return loop_io_want(&r->io, EPOLLIN, NULL);
}

static void flush_or_die(struct rpc *r)
{
	if (r->dead || r->feeding || output_flush(r) == 0)
		return;
	r->dead = true;
	loop_timer_after(r->loop, &r->bury, 0, NULL);
}

static int input_feed(struct rpc *r, const uint8_t *data, size_t n)
{
	int result;

	r->feeding = true;
	result = grpc_feed(r->grpc, data, n, NULL);
	r->feeding = false;
	return result;
}

static void socket_ready(struct loop_io *io, uint32_t events)
{
	static uint8_t chunk[CHUNK];
	struct rpc *r = io->data;
	ssize_t n;
	int result;

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		n = recv(io->fd, chunk, sizeof(chunk), 0);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		result = n <= 0 ? -1 : input_feed(r, chunk, (size_t)n);
		if (r->freed) {
			rpc_free(r);
			return;
		}
		if (result < 0) {
			connection_lost(r);
			return;
		}
	}
	flush_or_die(r);
}

struct rpc *rpc_connect(struct loop *loop, const char *path, rpc_lost_fn *lost, void *data, struct error *err)
{
	struct rpc *r = calloc(1, sizeof(*r));
	struct sockaddr_un address;

	if (!r) {
		error_set(err, ENOMEM, "%s", path);
		return NULL;
	}
	*r = (struct rpc){ .loop = loop, .lost = lost, .data = data, .bury = { .fn = rpc_bury, .data = r } };
	r->io = (struct loop_io){ .fd = -1, .events = EPOLLIN, .fn = socket_ready, .data = r };
	if (unixsock_address(&address, -1, NULL, path) < 0 || (r->io.fd = unixsock_connect(&address, SOCK_STREAM)) < 0)
		error_set(err, errno, "%s", path);
	else if ((r->grpc = grpc_new(err)) && loop_io_add(loop, &r->io, err) == 0)
		return r;
	rpc_free(r);
	return NULL;
}

bool rpc_is_lost(const struct rpc *r)
{
	return r->dead;
}

pid_t rpc_peer(const struct rpc *r)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	return getsockopt(r->io.fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 ? 0 : peer.pid;
}

void rpc_free(struct rpc *r)
{
	struct grpc *g;

	if (!r)
		return;
	r->dead = true;
	r->freed = true;
	if (r->feeding)
		return;
	g = r->grpc;
	r->grpc = NULL;
	loop_io_remove(&r->io);
	loop_timer_disarm(&r->bury);
	grpc_free(g, "connection to containerd closed");
	cleanup_close(&r->io.fd);
	buf_free(&r->out);
	free(r);
}

static void call_message(struct grpc_call *call, const uint8_t *data, size_t len)
{
	struct rpc_call *c = call->data;

	buf_clear(&c->reply);
	/* Without memory the reply is empty, which every message can be parsed from. */
	(void)!buf_add(&c->reply, data, len);
}

static void call_done(struct grpc_call *call, enum grpc_status status, const char *message)
{
	struct rpc_call *c = call->data;

	c->done(c, status, message);
}

void rpc_start(struct rpc *r, struct rpc_call *c, const char *method, const char *namespace,
	       const ProtobufCMessage *request)
{
	struct grpc_header header = { "containerd-namespace", namespace };
	_cleanup_error_ struct error err = { 0 };
	size_t size = protobuf_c_message_get_packed_size(request);
	_cleanup_free_ uint8_t *bytes = malloc(size + 1);
	int result = -1;

	/* One that is under way would be in the connection's list twice. */
	grpc_call_cancel(&c->call);
	buf_clear(&c->reply);
	c->call = (struct grpc_call){ .message = call_message, .done = call_done, .data = c };
	if (bytes && r && r->grpc && !r->dead) {
		protobuf_c_message_pack(request, bytes);
		result = grpc_call_start(r->grpc, &c->call, method, &header, namespace ? 1 : 0, bytes, size, &err);
	} else {
		error_set(&err, 0, "%s: no %s", method, bytes ? "connection" : "memory");
	}
	if (result < 0)
		c->done(c, GRPC_UNAVAILABLE, error_text(&err));
	else
		flush_or_die(r);
}

void rpc_cancel(struct rpc_call *c)
{
	grpc_call_cancel(&c->call);
	buf_free(&c->reply);
}

void *rpc_reply(const struct rpc_call *c, const ProtobufCMessageDescriptor *type)
{
	return protobuf_c_message_unpack(type, NULL, c->reply.len, c->reply.len ? buf_bytes(&c->reply) : NULL);
}
