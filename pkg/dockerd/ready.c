#include "ready.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "io.h"
#include "str.h"

int ready_ask(const char *socket_path, struct error *err)
{
	static const char request[] = "GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n";
	static const char good[] = "HTTP/1.0 200 ", also_good[] = "HTTP/1.1 200 ";
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char answer[sizeof good] = { 0 };
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return error_set(err, errno, "a Unix socket");
	if (strlen(socket_path) >= sizeof a.sun_path)
		return error_set(err, ENAMETOOLONG, "%s", socket_path);
	memcpy(a.sun_path, socket_path, strlen(socket_path) + 1);
	if (connect(fd, (const struct sockaddr *)&a, sizeof a) < 0 || io_write(fd, request, strlen(request)) < 0 ||
	    io_read(fd, answer, sizeof good - 1) < 0)
		return error_set(err, errno, "%s", socket_path);
	if (!str_eq(answer, good) && !str_eq(answer, also_good))
		return error_say(err, EPROTO, "%s: dockerd does not serve: its answer begins with \"%s\"", socket_path,
				 answer);
	return 0;
}
