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
	/* streams */
	{ SYS_splice },
	{ SYS_pipe2 },
	{ SYS_shutdown },
	/* ports and connections */
	{ SYS_accept4 },
	{ SYS_socket, 1, AF_UNIX },
	{ SYS_socket, 1, AF_INET },
	{ SYS_socket, 1, AF_INET6 },
	{ SYS_bind },
	{ SYS_listen },
	{ SYS_connect },
	{ SYS_getsockname },
	{ SYS_setsockopt },
	{ SYS_fcntl, 2, F_GETFL },
	{ SYS_fcntl, 2, F_SETFL },
	{ SYS_fcntl, 2, F_SETPIPE_SZ },
	/* sockets by name: which ones, confine_files() says */
	{ SYS_newfstatat },
	{ SYS_fstat },
	{ SYS_unlinkat },
	/* the C library */
	{ SYS_futex },
	{ SYS_getrandom },
	{ SYS_rt_sigaction },
	{ SYS_tgkill },
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
