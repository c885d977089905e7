#include "notify.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "unixsock.h"

bool notify_is_ready(const char *text, size_t n)
{
	static const char want[] = "READY=1";
	const char *end = text + n, *line_end;

	for (; text < end; text = line_end + 1) {
		line_end = memchr(text, '\n', (size_t)(end - text));
		if (!line_end)
			line_end = end;
		if ((size_t)(line_end - text) == sizeof(want) - 1 && memcmp(text, want, sizeof(want) - 1) == 0)
			return true;
	}
	return false;
}

int notify_open(const char *path, struct error *err)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address;

	unlink(path);
	if (fd < 0 || unixsock_address(&address, -1, NULL, path) < 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || chmod(path, 0600) < 0)
		return error_set(err, errno, "%s", path);
	return steal_fd(&fd);
}

bool notify_read(int fd)
{
	char text[512];
	ssize_t n = recv(fd, text, sizeof(text), MSG_DONTWAIT);

	return n > 0 && notify_is_ready(text, (size_t)n);
}
