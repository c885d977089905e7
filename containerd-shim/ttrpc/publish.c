#include "publish.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "backoff.h"
#include "events_forward.pb-c.h"
#include "grpc.h"
#include "io.h"
#include "log.h"
#include "spawn.h"
#include "str.h"
#include "ttrpc.pb-c.h"
#include "unixsock.h"

enum {
	QUEUE_MAX = 4096,
	ANSWER_US = 5 * 1000000,
	PROGRAM_US = 30 * 1000000,
	REFUSALS_MAX = 5,     /* of one event by a containerd that answers */
	STREAM_MAX = 1 << 30, /* then a new connection, before the numbers run out */
};

static const struct backoff retry = { .first = 50 * 1000, .most = 2 * 1000 * 1000 };

struct event {
	struct list place;
	const char *topic; /* static */
	const char *type;  /* static */
	struct timespec at;
	size_t len;
	uint8_t data[];
};

static void send_next(struct publisher *p);

static struct event *queue_first(struct publisher *p)
{
	return list_empty(&p->queue) ? NULL : list_entry(p->queue.next, struct event, place);
}

static void event_drop(struct publisher *p, struct event *e)
{
	list_remove(&e->place);
	free(e);
	p->count--;
}

static void event_delivered(struct publisher *p)
{
	event_drop(p, queue_first(p));
	p->sent = false;
	p->refused = 0;
	p->delay = 0;
	if (!list_empty(&p->queue)) {
		send_next(p);
	} else if (p->idle) {
		p->idle(p->idle_data);
	}
}

static void socket_close(struct publisher *p)
{
	loop_io_remove(&p->io);
	if (p->io.fd >= 0)
		close(p->io.fd);
	p->io.fd = -1;
	buf_free(&p->in);
	buf_free(&p->out);
	p->reader = (struct ttrpc_reader){ 0 };
	p->sent = false;
}

static const char *socket_path(const struct publisher *p)
{
	return str_starts(p->ttrpc_address, "unix://") ? p->ttrpc_address + strlen("unix://") : p->ttrpc_address;
}

static void place_forget(struct publisher *p)
{
	if (!loop_io_active(&p->place))
		return;
	loop_io_remove(&p->place);
	cleanup_close(&p->place.fd);
}

/* Something new is there; a socket listens a moment after it is made. */
static void place_changed(struct loop_io *io, uint32_t events)
{
	struct publisher *p = io->data;
	char names[4096];

	(void)events;
	while (read(io->fd, names, sizeof(names)) > 0)
		;
	p->delay = 0;
	if (!p->sent)
		loop_timer_after(p->loop, &p->timer, retry.first, NULL);
}

/* Waits for something new in the socket's directory. False: that cannot be done. */
static bool place_watch(struct publisher *p)
{
	_cleanup_free_ char *dir = strdup(socket_path(p));
	char *slash = dir ? strrchr(dir, '/') : NULL;

	if (loop_io_active(&p->place))
		return true;
	if (!slash || slash == dir)
		return false;
	*slash = '\0';
	p->place = (struct loop_io){
		.fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK), .events = EPOLLIN, .fn = place_changed, .data = p
	};
	if (p->place.fd >= 0 && inotify_add_watch(p->place.fd, dir, IN_CREATE | IN_MOVED_TO | IN_ONLYDIR) >= 0 &&
	    loop_io_add(p->loop, &p->place, NULL) == 0)
		return true;
	cleanup_close(&p->place.fd);
	p->place.fd = -1;
	return false;
}

/* Nobody there: the event stays. */
static void retry_later(struct publisher *p)
{
	socket_close(p);
	/* Watched from the first try on that fails: what comes before is seen by the next ones. */
	if (p->ttrpc_address && *p->ttrpc_address && place_watch(p) && p->delay == retry.most)
		return;
	p->delay = backoff_next(&retry, p->delay);
	if (loop_timer_after(p->loop, &p->timer, p->delay, NULL) < 0)
		log_error("events: out of memory");
}

/* Somebody who does not want it: not for ever. */
static void event_refused(struct publisher *p, const char *why)
{
	struct event *e = queue_first(p);

	log_warn("event %s: %s", e->topic, why);
	p->sent = false;
	if (++p->refused >= REFUSALS_MAX)
		event_delivered(p);
	else
		retry_later(p);
}

/* --- over ttrpc ----------------------------------------------------------------------------------------------- */

static void socket_flush(struct publisher *p)
{
	while (p->out.len > 0) {
		ssize_t n = send(p->io.fd, buf_bytes(&p->out), p->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n >= 0) {
			buf_consume(&p->out, (size_t)n);
		} else if (errno == EAGAIN) {
			break;
		} else if (errno != EINTR) {
			retry_later(p);
			return;
		}
	}
	if (loop_io_want(&p->io, EPOLLIN | (p->out.len ? EPOLLOUT : 0u), NULL) < 0)
		retry_later(p);
}

static void answer_take(struct publisher *p, const struct ttrpc_frame *f)
{
	Ttrpc__Response *r;

	if (f->type != TTRPC_RESPONSE || f->stream != p->stream || !p->sent)
		return; /* late, or of a newer protocol */
	loop_timer_disarm(&p->timer);
	r = f->oversized ? NULL : ttrpc__response__unpack(NULL, f->length, f->data);
	if (!r)
		retry_later(p);
	else if (r->status && r->status->code == GRPC_UNAVAILABLE)
		retry_later(p);
	else if (r->status && r->status->code != GRPC_OK)
		event_refused(p, r->status->message);
	else
		event_delivered(p);
	if (r)
		ttrpc__response__free_unpacked(r, NULL);
}

static void answer_read(struct publisher *p)
{
	uint8_t *room = buf_reserve(&p->in, 1024);
	struct ttrpc_frame frame;
	bool complete = true;
	ssize_t n = -1;

	if (!room)
		errno = ENOMEM;
	else
		n = recv(p->io.fd, room, 1024, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		/* With nothing to say, a new connection can wait until there is. */
		if (list_empty(&p->queue))
			socket_close(p);
		else
			retry_later(p);
		return;
	}
	buf_commit(&p->in, (size_t)n);
	while (complete && p->io.fd >= 0) {
		size_t used = ttrpc_next(&p->reader, buf_bytes(&p->in), p->in.len, &frame, &complete);

		/* Consumed first: the answer may lead to the next request, or to the connection's end. */
		if (complete && !frame.oversized && frame.length > 0) {
			_cleanup_free_ uint8_t *copy = malloc(frame.length);

			if (!copy) {
				retry_later(p);
				return;
			}
			memcpy(copy, frame.data, frame.length);
			frame.data = copy;
			buf_consume(&p->in, used);
			answer_take(p, &frame);
		} else {
			buf_consume(&p->in, used);
			if (complete)
				answer_take(p, &frame);
		}
	}
}

static void socket_ready(struct loop_io *io, uint32_t events)
{
	struct publisher *p = io->data;

	if (events & EPOLLOUT)
		socket_flush(p);
	if (p->io.fd >= 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		answer_read(p);
}

static int connect_now(struct publisher *p)
{
	struct sockaddr_un address;

	if (unixsock_address(&address, -1, NULL, socket_path(p)) < 0)
		return -1;
	p->io.fd = unixsock_connect(&address, SOCK_STREAM);
	p->missing = p->io.fd < 0 && errno == ENOENT && !p->met;
	if (p->io.fd < 0)
		return -1;
	p->met = true;
	place_forget(p);
	p->io.events = EPOLLIN;
	p->stream = 0;
	return loop_io_add(p->loop, &p->io, NULL);
}

static void send_ttrpc(struct publisher *p, const struct event *e)
{
	Containerd__Services__Events__Ttrpc__V1__ForwardRequest request =
		CONTAINERD__SERVICES__EVENTS__TTRPC__V1__FORWARD_REQUEST__INIT;
	Containerd__Types__Envelope envelope = CONTAINERD__TYPES__ENVELOPE__INIT;
	Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;

	if (p->io.fd >= 0 && p->stream > STREAM_MAX)
		socket_close(p);
	if (p->io.fd < 0 && connect_now(p) < 0) {
		retry_later(p);
		return;
	}
	at.seconds = e->at.tv_sec;
	at.nanos = (int32_t)e->at.tv_nsec;
	any.type_url = (char *)e->type;
	any.value = (ProtobufCBinaryData){ .data = (uint8_t *)e->data, .len = e->len };
	envelope.timestamp = &at;
	envelope.namespace_ = (char *)p->namespace;
	envelope.topic = (char *)e->topic;
	envelope.event = &any;
	request.envelope = &envelope;
	p->stream += p->stream ? 2 : 1;
	if (ttrpc_add_request(&p->out, p->stream, "containerd.services.events.ttrpc.v1.Events", "Forward",
			      (int64_t)ANSWER_US * 1000, &request.base) < 0 ||
	    loop_timer_after(p->loop, &p->timer, ANSWER_US, NULL) < 0) {
		retry_later(p);
		return;
	}
	p->sent = true;
	socket_flush(p);
}

/* --- by containerd's program --------------------------------------------------------------------------------- */

static void program_exited(struct exit_watch *watch, int status)
{
	struct publisher *p = watch->data;

	loop_timer_disarm(&p->timer);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		event_delivered(p);
	else
		event_refused(p, spawn_status_text(status));
}

/* The event as the program wants it on its standard input: a packed Any. -1 on failure. */
static int event_file(const struct event *e)
{
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	_cleanup_close_ int fd = memfd_create("event", MFD_CLOEXEC);
	_cleanup_free_ uint8_t *packed = NULL;
	size_t n;

	any.type_url = (char *)e->type;
	any.value = (ProtobufCBinaryData){ .data = (uint8_t *)e->data, .len = e->len };
	n = google__protobuf__any__get_packed_size(&any);
	packed = malloc(n ? n : 1);
	if (fd < 0 || !packed)
		return -1;
	google__protobuf__any__pack(&any, packed);
	if (io_write(fd, packed, n) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return -1;
	return steal_fd(&fd);
}

static void send_program(struct publisher *p, const struct event *e)
{
	const char *const argv[] = { p->binary,     "--address",  p->grpc_address ? p->grpc_address : "",
				     "publish",     "--topic",    e->topic,
				     "--namespace", p->namespace, NULL };
	_cleanup_close_ int in = event_file(e);
	const struct spawn_fd fds[] = { { in, 0 } };
	struct spawn s = { .path = p->binary, .argv = (char *const *)argv, .fds = fds, .fd_count = 1 };
	_cleanup_error_ struct error err = { 0 };
	pid_t pid = in < 0 ? -1 : spawn(&s, &err);

	if (pid < 0 || exit_watch_add(p->reaper, &p->child, pid, &err) < 0 ||
	    loop_timer_after(p->loop, &p->timer, PROGRAM_US, &err) < 0) {
		exit_watch_remove(&p->child);
		event_refused(p, error_text(&err));
		return;
	}
	p->sent = true;
}

/* --- the queue ------------------------------------------------------------------------------------------------- */

static void send_first(struct publisher *p)
{
	struct event *e = queue_first(p);

	if (e && p->ttrpc_address && *p->ttrpc_address)
		send_ttrpc(p, e);
	else if (e)
		send_program(p, e);
}

static void send_next(struct publisher *p)
{
	/* Neither under way nor waiting, whether for time or for a socket. */
	if (!p->sent && !loop_timer_armed(&p->timer) && !loop_io_active(&p->place))
		send_first(p);
}

static void timer_passed(struct loop_timer *timer)
{
	struct publisher *p = timer->data;

	if (exit_watch_active(&p->child)) {
		kill(p->child.pid, SIGKILL);
		return;
	}
	if (p->sent)
		retry_later(p); /* no answer */
	else
		send_first(p);
}

void publisher_start(struct publisher *p, struct loop *loop, struct reaper *reaper)
{
	p->loop = loop;
	p->reaper = reaper;
	list_init(&p->queue);
	p->io = (struct loop_io){ .fd = -1, .fn = socket_ready, .data = p };
	p->timer = (struct loop_timer){ .fn = timer_passed, .data = p };
	p->child = (struct exit_watch){ .fn = program_exited, .data = p };
	p->place.fd = -1;
}

void publisher_stop(struct publisher *p)
{
	socket_close(p);
	place_forget(p);
	loop_timer_disarm(&p->timer);
	exit_watch_remove(&p->child);
	while (!list_empty(&p->queue))
		event_drop(p, queue_first(p));
}

void publish(struct publisher *p, const char *topic, const ProtobufCMessage *event)
{
	size_t n = protobuf_c_message_get_packed_size(event);
	struct event *e;

	if ((!p->ttrpc_address || !*p->ttrpc_address) && (!p->binary || !*p->binary))
		return; /* nobody asked for any */
	e = malloc(sizeof(*e) + n);
	if (!e) {
		log_error("event %s: out of memory", topic);
		return;
	}
	if (p->count == QUEUE_MAX) {
		struct event *oldest = queue_first(p);

		/* The first may be on its way: the one behind it goes. */
		if (p->sent)
			oldest = list_entry(oldest->place.next, struct event, place);
		log_error("event %s: lost, containerd takes none", oldest->topic);
		event_drop(p, oldest);
	}
	*e = (struct event){ .topic = topic, .type = event->descriptor->name, .len = n };
	clock_gettime(CLOCK_REALTIME, &e->at);
	protobuf_c_message_pack(event, e->data);
	list_append(&p->queue, &e->place);
	p->count++;
	send_next(p);
}

bool publisher_is_idle(const struct publisher *p)
{
	return list_empty(&p->queue) || p->missing;
}

void publisher_on_idle(struct publisher *p, publisher_idle_fn *fn, void *data)
{
	p->idle = fn;
	p->idle_data = data;
}
