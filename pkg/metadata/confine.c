/* What the program gives up before it asks anybody: all system calls but those of its work. It keeps CAP_SYS_ADMIN for
 * sethostname(2); without mount, unshare, setns, bpf and the like that capability is good for nothing else. */
#include "confine.h"

#include <sys/socket.h>
#include <sys/syscall.h>

#include "log.h"
#include "metadata.h"
#include "str.h"

static const struct confine_call allowed[] = {
	/* the loop */
	{ SYS_epoll_create1 },
	{ SYS_ppoll },
#ifdef SYS_poll
	{ SYS_poll },
#endif
	/* the network, and the child that looks names up */
	{ SYS_socket, 1, AF_INET },
	{ SYS_socket, 1, AF_INET6 },
	{ SYS_connect },
	{ SYS_bind },
	{ SYS_getsockname },
	{ SYS_setsockopt },
	{ SYS_pipe2 },
	{ SYS_clone },
#ifdef SYS_fork
	{ SYS_fork },
#endif
	{ SYS_wait4 },
	{ SYS_kill },
	{ SYS_prctl },
	{ SYS_getppid },
	{ SYS_set_robust_list },
	/* files */
	{ SYS_openat },
	{ SYS_openat2 },
#ifdef SYS_open
	{ SYS_open },
	{ SYS_mkdir },
	{ SYS_unlink },
	{ SYS_rmdir },
	{ SYS_stat },
	{ SYS_lstat },
	{ SYS_access },
	{ SYS_readlink },
	{ SYS_rename },
#endif
	{ SYS_readv },
	{ SYS_pread64 },
	{ SYS_lseek },
	{ SYS_fstat },
#ifdef SYS_newfstatat
	{ SYS_newfstatat },
#endif
	{ SYS_statx },
	{ SYS_fcntl },
	{ SYS_ioctl },
	{ SYS_getdents64 },
	{ SYS_mkdirat },
	{ SYS_unlinkat },
	{ SYS_renameat },
#ifdef SYS_renameat2
	{ SYS_renameat2 },
#endif
	{ SYS_readlinkat },
	{ SYS_faccessat },
	{ SYS_fchmod },
	{ SYS_fchown },
	{ SYS_flock },
	{ SYS_fsync },
	{ SYS_sethostname },
	/* signals of the child */
	{ SYS_rt_sigaction },
};

int confine(struct error *err)
{
	int r = confine_calls(allowed, array_len(allowed), err);

	if (r > 0) /* is no reason to stop */
		log_debug("no filter of system calls");
	return r < 0 ? -1 : 0;
}
