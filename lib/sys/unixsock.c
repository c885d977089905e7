#include "unixsock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

int unixsock_address(struct sockaddr_un *address, int dirfd, const char *dir, const char *name)
{
	size_t room = sizeof(address->sun_path);
	int n;

	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	n = snprintf(address->sun_path, room, "%s%s%s", dir ? dir : "", dir ? "/" : "", name);
	if (n >= 0 && (size_t)n >= room && dir)
		n = snprintf(address->sun_path, room, "/proc/self/fd/%d/%s", dirfd, name);
	if (n >= 0 && (size_t)n < room)
		return 0;
	errno = ENAMETOOLONG;
	return -1;
}

int unixsock_connect(const struct sockaddr_un *address, int type)
{
	_cleanup_close_ int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		return -1;
	return steal_fd(&fd);
}

int unixsock_listen(const struct sockaddr_un *address, int type, int backlog, struct error *err)
{
	_cleanup_close_ int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	_cleanup_close_ int probe = -1;
	struct stat st;
	int r;

	if (fd < 0)
		return error_set(err, errno, "socket");
	r = bind(fd, (const struct sockaddr *)address, sizeof(*address));
	if (r < 0 && errno == EADDRINUSE) {
		probe = unixsock_connect(address, type);
		if (probe >= 0 || errno != ECONNREFUSED || lstat(address->sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
			return error_set(err, EADDRINUSE, "%s", address->sun_path);
		unlink(address->sun_path); /* when it fails, so does bind */
		r = bind(fd, (const struct sockaddr *)address, sizeof(*address));
	}
	if (r < 0 || listen(fd, backlog) < 0)
		return error_set(err, errno, "listen on %s", address->sun_path);
	return steal_fd(&fd);
}
