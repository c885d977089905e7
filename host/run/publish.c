#include "publish.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include "str.h"

static int publish_refuse(struct error *err, const char *text, const char *why)
{
	return error_set(err, 0, "--publish %s: %s: write [ADDRESS:]HOST-PORT:GUEST-PORT[/tcp|udp], as in 8080:80",
			 text, why);
}

static int port_parse(const char *s, uint16_t *out)
{
	uint64_t v;

	if (str_to_u64(s, 65535, &v) < 0 || v == 0)
		return -1;
	*out = (uint16_t)v;
	return 0;
}

int publish_parse(const char *text, struct publish *out, struct error *err)
{
	_cleanup_free_ char *copy = strdup(text);
	char *protocol, *guest, *host;
	struct in_addr addr;

	if (!copy)
		return error_set(err, ENOMEM, "--publish");
	*out = (struct publish){ 0 };
	protocol = strchr(copy, '/');
	if (protocol) {
		*protocol++ = '\0';
		out->udp = strcasecmp(protocol, "udp") == 0;
		if (!out->udp && strcasecmp(protocol, "tcp") != 0)
			return publish_refuse(err, text, "the protocol is tcp or udp");
	}
	guest = strrchr(copy, ':');
	if (!guest)
		return publish_refuse(err, text, "the guest's port is missing");
	*guest++ = '\0';
	host = strrchr(copy, ':');
	if (host) {
		*host++ = '\0';
		if (inet_pton(AF_INET, copy, &addr) != 1)
			return publish_refuse(err, text, "the address is not an IPv4 address");
		inet_ntop(AF_INET, &addr, out->address, sizeof(out->address));
	} else {
		host = copy;
	}
	if (port_parse(host, &out->host) < 0)
		return publish_refuse(err, text, "the host's port is not a number from 1 to 65535");
	if (port_parse(guest, &out->guest) < 0)
		return publish_refuse(err, text, "the guest's port is not a number from 1 to 65535");
	return 0;
}

const char *publish_address(const struct publish *p)
{
	return p->address[0] ? p->address : PUBLISH_ADDRESS;
}

static bool address_any(const struct publish *p)
{
	return str_eq(p->address, "0.0.0.0");
}

/* All addresses have the same port as each of them. */
static bool publish_same(const struct publish *a, const struct publish *b)
{
	return a->host == b->host && a->udp == b->udp &&
		(address_any(a) || address_any(b) || str_eq(publish_address(a), publish_address(b)));
}

int publish_check_all(const struct publish *ports, size_t count, struct error *err)
{
	size_t i, j;

	for (i = 0; i < count; i++)
		for (j = 0; j < i; j++)
			if (publish_same(&ports[i], &ports[j]))
				return error_set(err, 0,
						 "--publish %u:%u: port %u/%s of the host already leads to port %u of "
						 "the guest: publish another port of the host",
						 ports[i].host, ports[i].guest, ports[i].host,
						 ports[i].udp ? "udp" : "tcp", ports[j].guest);
	return 0;
}

int publish_check(const struct publish *p, struct error *err)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(p->host) };
	const char *kind = p->udp ? "udp" : "tcp";
	_cleanup_close_ int fd = -1;
	int on = 1;

	inet_pton(AF_INET, publish_address(p), &sa.sin_addr); /* valid since it was parsed */
	fd = socket(AF_INET, (p->udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_set(err, errno, "port %u/%s", p->host, kind);
	/* As QEMU does: a port whose last connections linger in TIME_WAIT is free. */
	if (!p->udp && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
		return error_set(err, errno, "port %u/%s", p->host, kind);
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0 && (p->udp || listen(fd, 1) == 0))
		return 0;
	if (errno == EADDRINUSE)
		return error_set(err, 0,
				 "port %u/%s of the host is in use: stop what listens there or publish another port, "
				 "as in --publish %u:%u%s",
				 p->host, kind, p->host < 65535 ? p->host + 1 : 1024, p->guest, p->udp ? "/udp" : "");
	if (errno == EACCES)
		return error_set(err, 0,
				 "port %u/%s of the host needs privileges, or there \"sysctl "
				 "net.ipv4.ip_unprivileged_port_start=%u\": publish one above 1023, as in --publish "
				 "%u:%u%s",
				 p->host, kind, p->host, p->host + 8000u, p->guest, p->udp ? "/udp" : "");
	return error_set(err, errno, "port %u/%s of the host at %s", p->host, kind, publish_address(p));
}
