#include "uevent.h"

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>

#include "str.h"

int uevent_parse(const char *message, size_t size, struct uevent *out)
{
	static const struct {
		const char *key;
		size_t field;
	} fields[] = {
		{ "ACTION=", offsetof(struct uevent, action) },
		{ "DEVPATH=", offsetof(struct uevent, devpath) },
		{ "SUBSYSTEM=", offsetof(struct uevent, subsystem) },
		{ "MODALIAS=", offsetof(struct uevent, modalias) },
		{ "DEVNAME=", offsetof(struct uevent, devname) },
	};
	const char *at = message, *end = message + size;

	*out = (struct uevent){ "", "", "", "", "" };
	if (size == 0 || end[-1] != '\0' || !strchr(message, '@')) {
		errno = EBADMSG;
		return -1;
	}
	for (at += strlen(at) + 1; at < end; at += strlen(at) + 1)
		for (size_t i = 0; i < array_len(fields); i++)
			if (str_starts(at, fields[i].key))
				*(const char **)((char *)out + fields[i].field) = at + strlen(fields[i].key);
	if (!*out->action || !*out->devpath) {
		errno = EBADMSG;
		return -1;
	}
	return 0;
}

int uevent_open(struct error *err)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
	int bytes = 1 << 20;

	if (fd < 0)
		return error_set(err, errno, "device events: socket");
	/* Room for a bus full of devices; without it some may be lost, which the reader is told. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return error_set(err, errno, "device events: bind");
	return steal_fd(&fd);
}

int uevent_read(int fd, char buffer[UEVENT_MAX], struct uevent *out, struct error *err)
{
	for (;;) {
		struct sockaddr_nl from = { 0 };
		socklen_t size = sizeof(from);
		ssize_t n = recvfrom(fd, buffer, UEVENT_MAX, MSG_DONTWAIT, (struct sockaddr *)&from, &size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : error_set(err, errno, "device events");
		if (from.nl_pid == 0 && uevent_parse(buffer, (size_t)n, out) == 0)
			return 1;
	}
}
