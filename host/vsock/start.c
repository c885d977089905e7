#include "vsock.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent.h"
#include "cleanup.h"
#include "helper.h"
#include "lines.h"
#include "str.h"

/* The agent's port too, for `pith exec` and its like. */
static char *ports_all(const char *ports)
{
	const char *rest = ports;
	uint32_t port;
	uint16_t type;

	while (lines_parse_port(&rest, &port, &type) > 0)
		if (port == AGENT_PORT && type == VSOCK_STREAM)
			return strdup(ports);
	return str_format("%d,%s", AGENT_PORT, ports);
}

char *vsock_ports_with(const char *ports, const char *more)
{
	const char *rest = ports && *ports ? ports : VSOCK_DEFAULT_PORTS;
	const char *given = rest;
	uint32_t port, other = 0;
	uint16_t type;

	(void)lines_parse_port(&(const char *){ more }, &other, &type);
	while (lines_parse_port(&rest, &port, &type) > 0)
		if (port == other && type == VSOCK_STREAM)
			return strdup(given);
	return str_format("%s,%s", given, more);
}

static int device_command(const struct vsock_options *o, char ***argv)
{
	_cleanup_free_ char *ports = ports_all(o->ports && *o->ports ? o->ports : VSOCK_DEFAULT_PORTS);

	if (!ports || strv_add(argv, "pith") < 0 || strv_add(argv, "vsock") < 0 ||
	    strv_addf(argv, "--fd=%d", HELPER_FD) < 0 || strv_addf(argv, "--ready-fd=%d", HELPER_READY_FD) < 0 ||
	    strv_addf(argv, "--state=%s", o->state) < 0 || strv_addf(argv, "--ports=%s", ports) < 0 ||
	    strv_addf(argv, "--cid=%" PRIu32, o->cid ? o->cid : 3) < 0)
		return -1;
	if (o->no_poll && strv_add(argv, "--poll=0") < 0)
		return -1;
	if (o->background && strv_add(argv, "--background") < 0)
		return -1;
	if (o->fifos && strv_addf(argv, "--fifos=%s", o->fifos) < 0)
		return -1;
	return o->hybrid ? strv_addf(argv, "--hybrid=%s", o->hybrid) : 0;
}

static int qemu_arguments(const struct vsock_options *o, char ***argv)
{
	if (strv_add(argv, "-chardev") < 0 || strv_addf(argv, "socket,id=vsock,fd=%d", o->qemu_fd) < 0 ||
	    strv_add(argv, "-device") < 0)
		return -1;
	return strv_add(argv, "vhost-user-vsock-pci,chardev=vsock");
}

/* The device ends with QEMU, or with the caller as long as there is none: nobody holds the other end then. */
static int device_start(const struct vsock_options *o, struct vsock_args *out, struct error *err)
{
	_cleanup_strv_ char **argv = NULL;
	_cleanup_close_ int device_fd = -1;
	int pair[2];

	if (device_command(o, &argv) < 0 || qemu_arguments(o, &out->argv) < 0)
		return error_set(err, ENOMEM, "vsock device");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return error_set(err, errno, "vsock device");
	out->fd = pair[0];
	device_fd = pair[1];
	out->pid = helper_start(argv, device_fd, "the vsock device did not start", err);
	if (out->pid > 0)
		return 0;
	out->pid = 0;
	return -1;
}

int vsock_start(const struct vsock_options *o, struct vsock_args *out, struct error *err)
{
	*out = (struct vsock_args){ .fd = -1 };
	if (device_start(o, out, err) == 0)
		return 0;
	vsock_args_free(out);
	return -1;
}

void vsock_args_free(struct vsock_args *args)
{
	strv_free(args->argv);
	args->argv = NULL;
	if (args->fd >= 0)
		close(args->fd);
	args->fd = -1;
}
