/* What memlogd gives up once its sockets are there. */
#include "confine.h"

#include <sys/socket.h>
#include <sys/syscall.h>

#include "cleanup.h"
#include "programs.h"

static const struct confine_call allowed[] = {
	/* the loop */
	{ SYS_epoll_pwait },
	{ SYS_epoll_ctl },
	{ SYS_clock_gettime },
	{ SYS_restart_syscall },
#ifdef SYS_epoll_wait
	{ SYS_epoll_wait },
#endif
	/* sources, and their descriptors: pipes are opened anew through /proc/self/fd */
	{ SYS_recvfrom },
	{ SYS_recvmsg },
	{ SYS_sendmsg },
	{ SYS_read },
	{ SYS_preadv2 },
	{ SYS_fcntl },
	{ SYS_getsockopt },
	{ SYS_ioctl },
	{ SYS_fstat },
	{ SYS_newfstatat },
	{ SYS_openat },
#ifdef SYS_open
	{ SYS_open },
#endif
	{ SYS_close },
	/* readers */
	{ SYS_accept4 },
	{ SYS_sendto },
	{ SYS_write },
	{ SYS_ppoll },
#ifdef SYS_poll
	{ SYS_poll },
#endif
	/* memory */
	{ SYS_brk },
	{ SYS_mmap },
	{ SYS_mremap },
	{ SYS_munmap },
	{ SYS_mprotect },
	{ SYS_madvise },
	{ SYS_ftruncate },
	/* the end */
	{ SYS_unlinkat },
#ifdef SYS_unlink
	{ SYS_unlink },
#endif
	{ SYS_rt_sigprocmask },
	{ SYS_rt_sigreturn },
	{ SYS_getpid },
	{ SYS_gettid },
	{ SYS_tkill },
	{ SYS_exit },
	{ SYS_exit_group },
};

int daemon_confine(struct error *err)
{
	/* 1 where the kernel has no filters, which is no reason to stop. */
	return confine_capabilities(err) < 0 || confine_calls(allowed, array_len(allowed), err) < 0 ? -1 : 0;
}
