/* A command for every connection: its output goes there. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "peer.h"

static _Noreturn void session(int fd, const char *command)
{
	char line[4096];
	size_t len = 0;
	int null = open("/dev/null", O_RDONLY);

	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	while (len < sizeof(line) - 1 && read(fd, line + len, 1) == 1 && line[len] != '\n')
		len++;
	line[len] = '\0';
	if (dup2(null, 0) < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
		_exit(1);
	close(fd);
	close(null);
	execl("/bin/sh", "sh", "-c", command ? command : line, (char *)NULL);
	_exit(127);
}

/* Without COMMAND, the first line of the connection is the command. */
int peer_run(int argc, char **argv)
{
	_cleanup_error_ struct error e = { 0 };
	int listener = peer_listen(argv[1], &e);
	struct pollfd p = { .fd = listener, .events = POLLIN };

	if (listener < 0) {
		log_error("%s", error_text(&e));
		return 1;
	}
	signal(SIGCHLD, SIG_IGN); /* nobody waits for them */
	for (;;) {
		int fd;

		if (poll(&p, 1, -1) < 0)
			continue;
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			continue;
		if (fork() == 0)
			session(fd, argc > 2 ? argv[2] : NULL);
		close(fd);
	}
}
