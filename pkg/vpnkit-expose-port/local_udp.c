#include "local_udp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"

enum { BATCH = 16, DATAGRAM_MAX = 65536 };

/* A client, until it was quiet for 90 s, or there are too many and it was quiet longest. */
struct flow {
	struct local_udp *local;
	struct list place;
	struct loop_io io; /* connected to the container */
	struct sockaddr_storage from;
	socklen_t from_len;
	uint64_t used;
};

static char bytes[DATAGRAM_MAX];

static void flow_free(struct flow *f)
{
	loop_io_remove(&f->io);
	close(f->io.fd);
	list_remove(&f->place);
	f->local->count--;
	free(f);
}

static struct flow *flow_oldest(struct local_udp *u)
{
	return list_empty(&u->flows) ? NULL : list_entry(u->flows.next, struct flow, place);
}

static void flows_expire(struct loop_timer *t)
{
	struct local_udp *u = t->data;
	uint64_t now = loop_now();
	struct flow *f;

	while ((f = flow_oldest(u)) && now - f->used >= LOCAL_FLOW_IDLE_US)
		flow_free(f);
	if (f)
		loop_timer_arm(u->loop, t, f->used + LOCAL_FLOW_IDLE_US, NULL);
}

/* The timer stays where it is: it looks again when it comes. */
static void flow_touch(struct flow *f)
{
	struct local_udp *u = f->local;

	f->used = loop_now();
	list_remove(&f->place);
	list_append(&u->flows, &f->place);
	if (!loop_timer_armed(&u->expiry))
		loop_timer_arm(u->loop, &u->expiry, f->used + LOCAL_FLOW_IDLE_US, NULL);
}

/* What the container answers. Nobody there is an error of this socket, which reading takes off. */
static void flow_ready(struct loop_io *io, uint32_t events)
{
	struct flow *f = io->data;

	(void)events;
	for (int i = 0; i < BATCH; i++) {
		ssize_t n = recv(io->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

		if (n < 0)
			return;
		flow_touch(f);
		/* What has no room is dropped: datagrams may be. */
		(void)sendto(f->local->io.fd, bytes, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL,
			     (struct sockaddr *)&f->from, f->from_len);
	}
}

static struct flow *flow_new(struct local_udp *u, const struct sockaddr_storage *from, socklen_t len)
{
	_cleanup_close_ int fd = -1;
	struct flow *f;

	if (u->count == LOCAL_FLOWS_MAX)
		flow_free(flow_oldest(u));
	fd = socket(u->to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&u->to, u->to_len) < 0)
		return NULL;
	f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	*f = (struct flow){ .local = u, .from = *from, .from_len = len };
	f->io = (struct loop_io){ .fd = steal_fd(&fd), .events = EPOLLIN, .fn = flow_ready, .data = f };
	list_append(&u->flows, &f->place);
	u->count++;
	if (loop_io_add(u->loop, &f->io, NULL) == 0)
		return f;
	flow_free(f);
	return NULL;
}

/* From the one that was used last: it tends to be that. */
static struct flow *flow_find(struct local_udp *u, const struct sockaddr_storage *from, socklen_t len)
{
	for (struct list *l = u->flows.prev; l != &u->flows; l = l->prev) {
		struct flow *f = list_entry(l, struct flow, place);

		if (f->from_len == len && memcmp(&f->from, from, len) == 0)
			return f;
	}
	return flow_new(u, from, len);
}

static void client_ready(struct loop_io *io, uint32_t events)
{
	struct local_udp *u = io->data;

	(void)events;
	for (int i = 0; i < BATCH; i++) {
		struct sockaddr_storage from = { 0 };
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(io->fd, bytes, sizeof(bytes), MSG_DONTWAIT, (struct sockaddr *)&from, &len);
		struct flow *f = n < 0 ? NULL : flow_find(u, &from, len);

		if (n < 0)
			return;
		if (!f)
			continue;
		flow_touch(f);
		(void)send(f->io.fd, bytes, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL); /* likewise */
	}
}

int local_udp_start(struct local_udp *u, struct loop *loop, int fd, const struct sockaddr_storage *to, socklen_t len,
		    struct error *err)
{
	*u = (struct local_udp){ .loop = loop, .to = *to, .to_len = len };
	list_init(&u->flows);
	u->expiry = (struct loop_timer){ .fn = flows_expire, .data = u };
	u->io = (struct loop_io){ .fd = fd, .events = EPOLLIN, .fn = client_ready, .data = u };
	if (loop_io_add(loop, &u->io, err) == 0)
		return 0;
	close(fd);
	*u = (struct local_udp){ 0 };
	return -1;
}

void local_udp_stop(struct local_udp *u)
{
	if (!u->loop)
		return;
	while (u->count > 0)
		flow_free(flow_oldest(u));
	loop_timer_disarm(&u->expiry);
	loop_io_remove(&u->io);
	close(u->io.fd);
	*u = (struct local_udp){ 0 };
}
