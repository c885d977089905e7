/* What memlogd gives up once its sockets are there. */
#include "confine.h"

#include <sys/socket.h>
#include <sys/syscall.h>

#include "cleanup.h"
#include "programs.h"

static const struct confine_call allowed[] = {
	/* sources, and their descriptors: pipes are opened anew through /proc/self/fd */
	{ SYS_preadv2 },
	{ SYS_fcntl },
	{ SYS_ioctl },
	{ SYS_fstat },
	{ SYS_newfstatat },
	{ SYS_openat },
#ifdef SYS_open
	{ SYS_open },
#endif
	/* readers */
	{ SYS_accept4 },
	{ SYS_ppoll },
#ifdef SYS_poll
	{ SYS_poll },
#endif
	/* memory */
	{ SYS_ftruncate },
	/* the end: its sockets are removed */
	{ SYS_unlinkat },
#ifdef SYS_unlink
	{ SYS_unlink },
#endif
};

int daemon_confine(struct error *err)
{
	/* 1 where the kernel has no filters, which is no reason to stop. */
	return confine_capabilities(err) < 0 || confine_calls(allowed, array_len(allowed), err) < 0 ? -1 : 0;
}
