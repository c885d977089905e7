#include "forwarder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"

enum {
	FIRST = 3,            /* tells the generation, and the length of an address */
	HEADER_MAX = 5 + 255, /* of a dedicated connection */
};

/* A connection that has not said yet what it is:
 *
 *   door_accepted --> FIRST bytes --+-- a hello, a frame --> stream_accept
 *                                   |
 *                                   +-- a destination: the rest of it, and not a byte more --> dial_dedicated,
 *                                   |                                                          flows_dedicated
 *                                   +-- neither: the end
 *
 * It may stay silent for as long as it wants: who keeps a stream for later does. Of too many the oldest goes. */
struct door {
	struct forwarder *forwarder;
	struct loop_io io;
	struct list place;
	size_t have, want;
	uint8_t bytes[HEADER_MAX];
};

/* The connection stays with the caller. */
static int door_free(struct door *d)
{
	int fd = d->io.fd;

	loop_io_remove(&d->io);
	list_remove(&d->place);
	d->forwarder->door_count--;
	free(d);
	return fd;
}

static void door_refuse(struct door *d, const char *why)
{
	log_warn("a connection of the host: %s", why);
	close(door_free(d));
}

/* The header is whole. */
static void door_dedicated(struct door *d)
{
	_cleanup_error_ struct error e = { 0 };
	static struct vpnkit_destination to; /* large */
	struct forwarder *f = d->forwarder;
	size_t used;
	int fd;

	if (vpnkit_destination_parse(d->bytes, d->have, &to, &used, &e) <= 0) {
		door_refuse(d, error_text(&e));
		return;
	}
	fd = door_free(d);
	if (to.proto == VPNKIT_UDP)
		flows_dedicated(&f->flows, fd, &to);
	else
		dial_dedicated(f, fd, &to);
}

/* False: it is not a door any more. */
static bool door_decide(struct door *d)
{
	struct forwarder *f = d->forwarder;
	enum vpnkit_generation g;
	uint8_t first[FIRST];

	if (d->have < d->want)
		return true;
	if (d->want > FIRST) {
		door_dedicated(d);
		return false;
	}
	if (vpnkit_detect(d->bytes, d->have, &g) <= 0) {
		door_refuse(d, "its first bytes are of none of VPNKit's protocols");
		return false;
	}
	if (g == VPNKIT_DEDICATED) {
		size_t len = d->bytes[1]; /* below 256, or it would be none */

		d->want = FIRST + len + (d->bytes[0] == VPNKIT_UNIX ? 0 : 2);
		return true;
	}
	memcpy(first, d->bytes, FIRST);
	stream_accept(f, door_free(d), g == VPNKIT_HANDSHAKE, first, FIRST);
	return false;
}

static void door_ready(struct loop_io *io, uint32_t events)
{
	struct door *d = io->data;
	ssize_t n;

	(void)events;
	do {
		n = recv(io->fd, d->bytes + d->have, d->want - d->have, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			close(door_free(d));
			return;
		}
		d->have += (size_t)n;
	} while (door_decide(d));
}

static void door_accepted(struct listener *l, int fd, const struct sockaddr *from)
{
	struct forwarder *f = l->data;
	struct door *d = forwarder_welcome(f, from) ? calloc(1, sizeof(*d)) : NULL;

	if (!d) {
		close(fd);
		return;
	}
	if (f->door_count == DOORS_MAX)
		close(door_free(list_entry(f->doors.next, struct door, place)));
	d->forwarder = f;
	d->want = FIRST;
	d->io = (struct loop_io){ .fd = fd, .events = EPOLLIN, .fn = door_ready, .data = d };
	list_append(&f->doors, &d->place);
	f->door_count++;
	if (loop_io_add(f->loop, &d->io, NULL) < 0)
		close(door_free(d));
	else
		door_ready(&d->io, EPOLLIN); /* its first bytes tend to be there */
}

static void door_resting(struct listener *l, int code)
{
	(void)l;
	log_warn("connections of the host have to wait: %s", strerror(code));
}

int door_open(struct forwarder *f, int fd, struct error *err)
{
	f->door = (struct listener){ .accepted = door_accepted, .resting = door_resting, .data = f };
	return listener_start(&f->door, f->loop, fd, err);
}

void door_close(struct forwarder *f)
{
	listener_stop(&f->door);
	while (!list_empty(&f->doors))
		close(door_free(list_entry(f->doors.next, struct door, place)));
}
