#include "initctl.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "str.h"

enum { ANSWER_MS = 5000 };

/* A socket with an address of its own, which the answer is sent to. */
static int connected(struct error *err)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX, .sun_path = INITCTL_SOCKET };
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	/* An address that is nothing but its family asks the kernel for a free abstract one. */
	if (fd < 0 || bind(fd, (struct sockaddr *)&to, sizeof(to.sun_family)) < 0 ||
	    connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return error_set(err, errno, "ask PID 1: %s", INITCTL_SOCKET);
	return steal_fd(&fd);
}

static int answer_read(int fd, struct buf *list, struct error *err)
{
	char answer[INITCTL_REPLY + 1];
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n;
	int r;

	do
		r = poll(&p, 1, ANSWER_MS);
	while (r < 0 && errno == EINTR);
	if (r <= 0)
		return error_set(err, r < 0 ? errno : ETIMEDOUT, "PID 1's answer");
	n = recv(fd, answer, sizeof(answer) - 1, 0);
	if (n < 0)
		return error_set(err, errno, "PID 1's answer");
	answer[n] = '\0';
	if (!str_starts(answer, "ok\n"))
		return error_set(err, 0, "PID 1: %s",
				 str_starts(answer, "error: ") ? strtok(answer + 7, "\n") : "strange answer");
	if (list && buf_addstr(list, answer + 3) < 0)
		return error_set(err, ENOMEM, "PID 1's answer");
	return 0;
}

int initctl_request(char *const words[], struct buf *list, struct error *err)
{
	char message[INITCTL_MESSAGE];
	_cleanup_close_ int fd = -1;
	size_t n = 0;

	for (; *words; words++) {
		size_t m = strlen(*words) + 1;

		if (m > sizeof(message) - n)
			return error_set(err, E2BIG, "ask PID 1: more than %zu bytes", sizeof(message));
		memcpy(message + n, *words, m);
		n += m;
	}
	fd = connected(err);
	if (fd < 0)
		return -1;
	if (send(fd, message, n, MSG_NOSIGNAL) < 0)
		return error_set(err, errno, "ask PID 1");
	return answer_read(fd, list, err);
}

int initctl_respawn(const char *name, unsigned grace_seconds, char *const argv[], struct error *err)
{
	char grace[16], *words[INITCTL_ARGS + 4] = { (char *)"respawn", (char *)name, grace };
	size_t n = 0;

	snprintf(grace, sizeof(grace), "%u", grace_seconds);
	for (; argv[n]; n++) {
		if (n == INITCTL_ARGS)
			return error_set(err, E2BIG, "ask PID 1: %s: too many arguments", name);
		words[n + 3] = argv[n];
	}
	return initctl_request(words, NULL, err);
}
