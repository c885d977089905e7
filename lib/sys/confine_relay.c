/* The filter of programs that join sockets. In a file of its own: it needs libcap, as capability.c does. */
#include <sys/socket.h>
#include <sys/syscall.h>

#include "confine.h"
#include "log.h"
#include "str.h"

static const struct confine_call allowed[] = {
	/* streams */
	{ SYS_splice },
	{ SYS_pipe2 },
	{ SYS_shutdown },
	/* connections */
	{ SYS_accept4 },
	{ SYS_socket, 1, AF_UNIX },
	{ SYS_socket, 1, AF_VSOCK },
	{ SYS_socket, 1, AF_INET },
	{ SYS_socket, 1, AF_INET6 },
	{ SYS_connect },
	{ SYS_setsockopt },
	{ SYS_fcntl },
	/* the sockets it listened on are removed at the end */
	{ SYS_unlinkat },
#ifdef SYS_unlink
	{ SYS_unlink },
#endif
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
