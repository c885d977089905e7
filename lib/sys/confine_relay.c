/* The filter of programs that join sockets. In a file of its own: it needs libcap, as capability.c does. */
#include <string.h>
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

static const struct confine_call opening[] = {
	{ SYS_bind },  { SYS_listen }, { SYS_getsockname }, { SYS_newfstatat }, /* is it a socket that is in the way? */
#ifdef SYS_lstat
	{ SYS_lstat },
#endif
};

static int relay_confine(const struct confine_call *calls, size_t count, struct error *err)
{
	int r;

	/* None needs a capability: neither for vsock and the network, nor for sockets that its user may use. */
	if (confine_capabilities(err) < 0)
		return -1;
	r = confine_calls(calls, count, err);
	if (r > 0) /* is no reason to stop */
		log_debug("no filter of system calls");
	return r < 0 ? -1 : 0;
}

int confine_relay(struct error *err)
{
	return relay_confine(allowed, array_len(allowed), err);
}

int confine_ports(struct error *err)
{
	struct confine_call calls[array_len(allowed) + array_len(opening)];

	memcpy(calls, allowed, sizeof(allowed));
	memcpy(calls + array_len(allowed), opening, sizeof(opening));
	return relay_confine(calls, array_len(calls), err);
}
