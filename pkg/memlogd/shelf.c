#include "shelf.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "cleanup.h"

enum { SHELF_BYTES = 8 << 20 }; /* of the queue: some thousand messages */

struct label {
	uint32_t slot, generation;
};

union fd_control {
	struct cmsghdr head;
	char bytes[CMSG_SPACE(sizeof(int))];
};

int shelf_pair(int pair[2], struct error *err)
{
	const int bytes = SHELF_BYTES;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return error_set(err, errno, "a socket pair");
	/* Without the right to more than others have, what is usual has to do: 200 sources. */
	if (setsockopt(pair[0], SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) < 0)
		setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	return 0;
}

int shelf_put(struct shelf *s, uint32_t slot, uint32_t generation, int fd)
{
	struct label label = { slot, generation };
	union fd_control control = { 0 };
	struct iovec iov = { &label, sizeof(label) };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
	};

	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	if (sendmsg(s->in, &m, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return -1;
	s->placed++;
	return 0;
}

/* The first message, which stays; false: there is none. *fd -1: it has none. */
static bool shelf_look(struct shelf *s, struct label *label, int *fd)
{
	union fd_control control;
	struct iovec iov = { label, sizeof(*label) };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
	};
	ssize_t n = recvmsg(s->out, &m, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	const struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	*fd = -1;
	if (n < 0)
		return false;
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(fd, CMSG_DATA(c), sizeof(*fd));
	if (n != sizeof(*label))
		*label = (struct label){ UINT32_MAX, 0 };
	return true;
}

void shelf_sort(struct shelf *s, shelf_keep_fn *keep, void *data)
{
	int bytes = 0;
	unsigned count;

	if (ioctl(s->out, SIOCINQ, &bytes) < 0)
		return;
	count = (unsigned)bytes / sizeof(struct label);
	s->placed = s->dead = 0;
	for (; count > 0; count--) {
		_cleanup_close_ int fd = -1;
		struct label label;
		int number;

		if (!shelf_look(s, &label, &fd))
			return;
		number = fd;
		if (fd >= 0 && keep(data, label.slot, label.generation, &fd) &&
		    shelf_put(s, label.slot, label.generation, number) < 0) {
			s->placed += count; /* no room for it twice: the rest stays as it is */
			return;
		}
		(void)!recv(s->out, &label, sizeof(label), MSG_DONTWAIT);
	}
}

bool shelf_drop(struct shelf *s)
{
	s->dead++;
	return s->dead > 16 && s->dead > s->placed / 2;
}
