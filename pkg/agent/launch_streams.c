#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "agent.h"
#include "io.h"
#include "launch_private.h"

void launch_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int launch_pipes(struct launch *l, struct error *err)
{
	for (int i = 0; i < 3; i++) {
		int fds[2], child = i == IN ? 0 : 1;

		if (pipe2(fds, O_CLOEXEC) < 0)
			return error_set(err, errno, "pipe");
		l->child[i] = fds[child];
		l->ends[i] = fds[!child];
		if (io_nonblock(l->ends[i]) < 0)
			return error_set(err, errno, "pipe");
	}
	return 0;
}

/* Two descriptors of one terminal: the loop watches each of them for one direction. */
int launch_master(struct launch *l, int master, struct error *err)
{
	struct winsize size = { .ws_row = l->request->rows, .ws_col = l->request->columns };

	l->ends[IN] = master;
	l->ends[OUT] = fcntl(master, F_DUPFD_CLOEXEC, 3);
	if (l->ends[OUT] < 0 || io_nonblock(master) < 0)
		return error_set(err, errno, "terminal");
	if (size.ws_row && size.ws_col && ioctl(master, TIOCSWINSZ, &size) < 0)
		return error_set(err, errno, "terminal's size");
	return 0;
}

void launch_children_close(struct launch *l)
{
	for (int i = 0; i < 3; i++)
		launch_close(&l->child[i]);
}

bool launch_env_names(char *const *env, const char *variable)
{
	size_t n = strcspn(variable, "=");

	for (; env && *env; env++)
		if (strncmp(*env, variable, n) == 0 && (*env)[n] == '=')
			return true;
	return false;
}
