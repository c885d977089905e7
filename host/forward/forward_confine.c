#include "forward_confine.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "confine.h"
#include "log.h"
#include "str.h"

static const struct confine_call calls[] = {
/* the loop */
#ifdef SYS_epoll_wait
	{ SYS_epoll_wait },
#endif
	{ SYS_epoll_pwait },
	{ SYS_epoll_ctl },
	{ SYS_clock_gettime },
	{ SYS_restart_syscall },
	/* streams and datagrams */
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
	/* ports and connections */
	{ SYS_accept4 },
	{ SYS_socket, 1, AF_UNIX },
	{ SYS_socket, 1, AF_INET },
	{ SYS_socket, 1, AF_INET6 },
	{ SYS_bind },
	{ SYS_listen },
	{ SYS_connect },
	{ SYS_getsockname },
	{ SYS_getsockopt },
	{ SYS_setsockopt },
	{ SYS_fcntl, 2, F_GETFL },
	{ SYS_fcntl, 2, F_SETFL },
	/* sockets by name: which ones, confine_files() says */
	{ SYS_newfstatat },
	{ SYS_fstat },
	{ SYS_unlinkat },
	/* memory */
	{ SYS_mmap },
	{ SYS_mremap },
	{ SYS_munmap },
	{ SYS_mprotect },
	{ SYS_madvise },
	{ SYS_brk },
	{ SYS_futex },
	{ SYS_getrandom },
	/* the end */
	{ SYS_rt_sigprocmask },
	{ SYS_rt_sigaction },
	{ SYS_rt_sigreturn },
	{ SYS_getpid },
	{ SYS_gettid },
	{ SYS_tgkill },
	{ SYS_exit },
	{ SYS_exit_group },
#ifdef SYS_unlink /* older architectures have it beside the one above */
	{ SYS_unlink },
	{ SYS_lstat },
#endif
};

int forward_confine(int state, struct error *err)
{
	const struct confine_dir dir = { state, CONFINE_REMOVE | CONFINE_SOCKET };
	int files = confine_files(&dir, 1, CONFINE_TCP_LISTEN, err), filter = -1;

	if (files >= 0)
		filter = confine_calls(calls, array_len(calls), err);
	if (files > 0 || filter > 0)
		log_debug("forward: this kernel has no %s", files > 0 ? "Landlock" : "filter of system calls");
	return files < 0 || filter < 0 ? -1 : 0;
}
