#include "helper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "io.h"
#include "process.h"
#include "spawn.h"
#include "str.h"

pid_t helper_start(char *const *argv, int fd, const char *failed, struct error *err)
{
	_cleanup_close_ int ready_read = -1, ready_write = -1;
	int ready[2];
	char byte;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return error_set(err, errno, "%s", failed);
	ready_read = ready[0];
	ready_write = ready[1];

	struct spawn_fd fds[] = { { fd, HELPER_FD }, { ready_write, HELPER_READY_FD }, { 2, 2 } };
	struct spawn s = {
		.path = "/proc/self/exe",
		.argv = argv,
		.fds = fds,
		.fd_count = array_len(fds),
		.new_group = true, /* Ctrl-C at the terminal is for the machine */
	};

	pid = spawn(&s, err);
	if (pid < 0)
		return -1;
	close(steal_fd(&ready_write)); /* what is read ends with the child's */
	if (io_read(ready_read, &byte, 1) == 1)
		return pid;
	kill(pid, SIGTERM);
	(void)child_reap(pid);
	return error_set(err, 0, "%s", failed);
}
