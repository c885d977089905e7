#include "initctl.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "str.h"

enum { ANSWER_MS = 5000 };

/* A socket with an address of its own, which the answer is sent to. */
static int initctl_connect(struct error *err)
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

/* Words into one message. */
static int words_join(char *const words[], char message[INITCTL_MESSAGE], size_t *size, struct error *err)
{
	for (*size = 0; *words; words++) {
		size_t m = strlen(*words) + 1;

		if (m > INITCTL_MESSAGE - *size)
			return error_set(err, E2BIG, "ask PID 1: more than %d bytes", INITCTL_MESSAGE);
		memcpy(message + *size, *words, m);
		*size += m;
	}
	return 0;
}

static ssize_t send_with(int fd, void *data, size_t n, const int *fds, size_t fd_count)
{
	union {
		struct cmsghdr first;
		char bytes[CMSG_SPACE(INITCTL_FDS * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { data, n };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd_count > 0) {
		m.msg_control = control.bytes;
		m.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		control.first.cmsg_level = SOL_SOCKET;
		control.first.cmsg_type = SCM_RIGHTS;
		control.first.cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		memcpy(CMSG_DATA(&control.first), fds, fd_count * sizeof(int));
	}
	return sendmsg(fd, &m, MSG_NOSIGNAL);
}

static int request_with(char *const words[], const int *fds, size_t fd_count, struct buf *list, struct error *err)
{
	char message[INITCTL_MESSAGE];
	_cleanup_close_ int fd = -1;
	size_t n;

	if (words_join(words, message, &n, err) < 0)
		return -1;
	if (fd_count > INITCTL_FDS)
		return error_set(err, E2BIG, "ask PID 1: more than %d descriptors", INITCTL_FDS);
	fd = initctl_connect(err);
	if (fd < 0)
		return -1;
	if (send_with(fd, message, n, fds, fd_count) < 0)
		return error_set(err, errno, "ask PID 1");
	return answer_read(fd, list, err);
}

int initctl_request(char *const words[], struct buf *list, struct error *err)
{
	return request_with(words, NULL, 0, list, err);
}

int initctl_respawn_with(const char *name, unsigned grace_seconds, char *const argv[], const int *fds, size_t fd_count,
			 struct error *err)
{
	char grace[16], *words[INITCTL_ARGS + 4] = { (char *)"respawn", (char *)name, grace };
	size_t n = 0;

	snprintf(grace, sizeof(grace), "%u", grace_seconds);
	for (; argv[n]; n++) {
		if (n == INITCTL_ARGS)
			return error_set(err, E2BIG, "ask PID 1: %s: too many arguments", name);
		words[n + 3] = argv[n];
	}
	return request_with(words, fds, fd_count, NULL, err);
}

int initctl_respawn(const char *name, unsigned grace_seconds, char *const argv[], struct error *err)
{
	return initctl_respawn_with(name, grace_seconds, argv, NULL, 0, err);
}

size_t initctl_fds(void)
{
	const char *text = getenv("PITH_FDS");
	uint64_t count;

	if (!text || str_to_u64(text, INITCTL_FDS, &count) < 0)
		return 0;
	unsetenv("PITH_FDS"); /* what it starts has none of them */
	for (size_t i = 0; i < count; i++)
		if (fcntl(INITCTL_FD + (int)i, F_SETFD, FD_CLOEXEC) < 0)
			return i; /* not what it says */
	return (size_t)count;
}
