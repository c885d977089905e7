#include "memlogd.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "beneath.h"
#include "unixsock.h"

bool memlogd_present(void)
{
	return access(MEMLOGD_SOCKET, F_OK) == 0;
}

/* The name is the datagram, the descriptor travels beside it. */
static int descriptor_send(int to, const char *name, int fd)
{
	struct iovec text = { .iov_base = (void *)name, .iov_len = strlen(name) };
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct msghdr message = {
		.msg_iov = &text,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	return sendmsg(to, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -1 : 0;
}

static int stream_give(const struct sockaddr_un *address, const char *path, const char *name, struct error *err)
{
	_cleanup_close_ int control = -1, ours = -1, theirs = -1;
	int pair[2];

	if (strlen(name) > 255)
		return error_set(err, ENAMETOOLONG, "log %s", name);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return error_set(err, errno, "log %s", name);
	ours = pair[0];
	theirs = pair[1];
	control = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (control < 0 || connect(control, (const struct sockaddr *)address, sizeof(*address)) < 0 ||
	    descriptor_send(control, name, theirs) < 0)
		return error_set(err, errno, "log %s: %s", name, path);
	return steal_fd(&ours);
}

int memlogd_open(const char *name, struct error *err)
{
	const struct beneath_want want = { .owner = BENEATH_ANY_OWNER };
	struct sockaddr_un address;
	/* A container with /run may have put something else there. */
	_cleanup_close_ int place = beneath_socket(BENEATH_ROOT, MEMLOGD_SOCKET, want, &address, err);

	return place < 0 ? error_wrap(err, "log %s", name) : stream_give(&address, MEMLOGD_SOCKET, name, err);
}

int memlogd_open_at(const char *path, const char *name, struct error *err)
{
	struct sockaddr_un address;

	if (unixsock_address(&address, -1, NULL, path) < 0)
		return error_set(err, errno, "log %s: %s", name, path);
	return stream_give(&address, path, name, err);
}
