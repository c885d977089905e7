#include "bind.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 4096, DATAGRAM_BUFFER = 1024 * 1024 };

static int bind_refuse(const struct vpnkit_port *p, const struct vpnkit_ip *ip, int code, struct error *err)
{
	char address[64], place[80];

	vpnkit_ip_text(ip, address, sizeof(address));
	snprintf(place, sizeof(place), "%s:%u", address, p->out_port);
	if (code == EADDRINUSE)
		return error_say(err, code, "Bind for %s failed: port is already allocated", place);
	if (code == EADDRNOTAVAIL)
		return error_say(err, code, "listen %s %s: bind: cannot assign requested address",
				 p->proto == VPNKIT_TCP ? "tcp" : "udp", place);
	if (code == EACCES && p->out_port < IPPORT_RESERVED)
		return error_say(
			err, 0,
			"Bind for %s: permission denied: a port below %u needs privileges on the host, or there "
			"\"sysctl net.ipv4.ip_unprivileged_port_start=%u\"",
			place, IPPORT_RESERVED, p->out_port);
	return error_set(err, code == EACCES ? 0 : code, "Bind for %s%s", place,
			 code == EACCES ? ": permission denied" : "");
}

static int socket_prepare(int fd, const struct vpnkit_port *p, const struct vpnkit_ip *ip)
{
	int on = 1, size = DATAGRAM_BUFFER;

	if (ip->len == 16 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0)
		return -1;
	if (p->proto == VPNKIT_UDP)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)); /* less holds less */
	/* A port whose last connections linger in TIME_WAIT is free; of UDP two would share the datagrams. */
	return p->proto == VPNKIT_TCP ? setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) : 0;
}

int bind_port(struct vpnkit_port *port, const struct vpnkit_ip *ip, struct error *err)
{
	int type = port->proto == VPNKIT_TCP ? SOCK_STREAM : SOCK_DGRAM;
	struct sockaddr_storage address;
	socklen_t len = vpnkit_ip_address(ip, port->out_port, &address);
	_cleanup_close_ int fd = socket(address.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct vpnkit_ip same;

	if (fd < 0 || socket_prepare(fd, port, ip) < 0 || bind(fd, (struct sockaddr *)&address, len) < 0 ||
	    (type == SOCK_STREAM && listen(fd, BACKLOG) < 0))
		return bind_refuse(port, ip, errno, err);
	len = sizeof(address);
	if (getsockname(fd, (struct sockaddr *)&address, &len) < 0 ||
	    !vpnkit_ip_from((struct sockaddr *)&address, &same, &port->out_port))
		return error_set(err, errno, "port");
	return steal_fd(&fd);
}
