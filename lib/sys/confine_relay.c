/* The filter of programs that join sockets. In a file of its own: it needs libcap, as capability.c does. */
#include <sys/socket.h>
#include <sys/syscall.h>

#include "confine.h"
#include "log.h"
#include "str.h"

static const struct confine_call allowed[] = {
	/* the loop */
	{ SYS_epoll_pwait },
	{ SYS_epoll_ctl },
	{ SYS_clock_gettime },
	{ SYS_restart_syscall },
#ifdef SYS_epoll_wait
	{ SYS_epoll_wait },
#endif
	/* streams */
	{ SYS_recvfrom },
	{ SYS_recvmsg },
	{ SYS_sendto },
	{ SYS_sendmsg },
	{ SYS_splice },
	{ SYS_pipe2 },
	{ SYS_shutdown },
	{ SYS_read },
	{ SYS_write },
	{ SYS_writev },
	{ SYS_close },
	/* connections */
	{ SYS_accept4 },
	{ SYS_socket, 1, AF_UNIX },
	{ SYS_socket, 1, AF_VSOCK },
	{ SYS_socket, 1, AF_INET },
	{ SYS_socket, 1, AF_INET6 },
	{ SYS_connect },
	{ SYS_getsockopt },
	{ SYS_setsockopt },
	{ SYS_fcntl },
	/* memory */
	{ SYS_brk },
	{ SYS_mmap },
	{ SYS_mremap },
	{ SYS_munmap },
	{ SYS_mprotect },
	{ SYS_madvise },
	/* the end: the sockets it listened on are removed */
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

int confine_relay(struct error *err)
{
	int r;

	/* None needs a capability: neither for vsock and the network, nor for sockets that its user may use. */
	if (confine_capabilities(err) < 0)
		return -1;
	r = confine_calls(allowed, array_len(allowed), err);
	if (r > 0) /* is no reason to stop */
		log_debug("no filter of system calls");
	return r < 0 ? -1 : 0;
}
