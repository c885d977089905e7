#include "vpnkit_address.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/un.h>

#include <linux/vm_sockets.h>

#include "cleanup.h"
#include "ports.h"
#include "str.h"
#include "unixsock.h"
#include "vsock.h"

enum { BACKLOG = 4096 }; /* the kernel cuts it to its own */

/* "PORT", "GUID" or "CID/PORT"; false: neither. */
static bool vsock_parse(const char *text, struct vpnkit_address *out)
{
	const char *slash = strchr(text, '/');
	char cid[16];
	uint64_t number = VMADDR_CID_HOST;

	if (slash) {
		size_t n = (size_t)(slash - text);

		if (n >= sizeof(cid))
			return false;
		memcpy(cid, text, n);
		cid[n] = '\0';
		if (str_to_u64(cid, UINT32_MAX - 1, &number) < 0)
			return false;
		text = slash + 1;
	}
	out->cid = (uint32_t)number;
	return vsock_parse_port(text, &out->port) == 0;
}

int vpnkit_address_parse(const char *text, struct vpnkit_address *out, struct error *err)
{
	*out = (struct vpnkit_address){ .vsock = true };
	if (vsock_parse(text, out)) {
		struct sockaddr_vm *vm = (struct sockaddr_vm *)&out->address;

		vm->svm_family = AF_VSOCK;
		vm->svm_cid = out->cid;
		vm->svm_port = out->port;
		out->len = sizeof(*vm);
		return 0;
	}
	out->vsock = false;
	out->path = text;
	out->len = sizeof(struct sockaddr_un);
	if (text[0] == '\0')
		return error_set(err, 0, "an empty address: a vsock port, CID/PORT, or the path of a socket");
	if (unixsock_address((struct sockaddr_un *)&out->address, -1, NULL, text) < 0)
		return error_set(err, errno, "%s", text);
	return 0;
}

int vpnkit_address_connect(const struct vpnkit_address *a, struct error *err)
{
	int fd;

	if (a->vsock)
		return vsock_connect(a->cid, a->port, SOCK_STREAM, err);
	fd = unixsock_connect((const struct sockaddr_un *)&a->address, SOCK_STREAM);
	return fd < 0 ? error_set(err, errno, "%s", a->path) : fd;
}

int vpnkit_address_listen(const struct vpnkit_address *a, int *lease, struct error *err)
{
	_cleanup_error_ struct error e = { 0 };
	_cleanup_close_ int fd = -1;

	*lease = -1;
	if (!a->vsock)
		return unixsock_listen((const struct sockaddr_un *)&a->address, SOCK_STREAM, BACKLOG, err);
	*lease = ports_ask(PORTS_SOCKET, a->port, &fd, &e);
	if (*lease < 0 && e.code == ENOENT)
		return vsock_listen(a->port, SOCK_STREAM, BACKLOG, err);
	if (*lease < 0)
		return error_move(err, &e);
	if (fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) < 0)
		return error_set(err, errno, "vsock port %u", a->port);
	return steal_fd(&fd);
}
