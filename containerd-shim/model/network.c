#include "network.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "log.h"

int network_enter(const struct network *n, int *back, struct error *err)
{
	_cleanup_close_ int here = -1;

	*back = -1;
	if (n->fd < 0)
		return 0;
	here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (here < 0 || setns(n->fd, CLONE_NEWNET) < 0)
		return error_set(err, errno, "network namespace %s", n->path);
	*back = steal_fd(&here);
	return 0;
}

void network_leave(int back)
{
	if (back < 0)
		return;
	/* Nothing of ours depends on it: our sockets have paths. */
	if (setns(back, CLONE_NEWNET) < 0)
		log_warn("network namespace: %s", strerror(errno));
	close(back);
}

void network_clear(struct network *n)
{
	if (n->fd >= 0)
		close(n->fd);
	free(n->path);
	*n = (struct network){ .fd = -1 };
}
