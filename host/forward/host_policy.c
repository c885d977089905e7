#include "host_policy.h"

#include <errno.h>
#include <string.h>

#include "unixsock.h"

/* The name of a socket in the state directory: as such, or by its path. */
static const char *socket_name(const struct host_policy *p, const char *path)
{
	size_t n = strlen(p->dir);

	if (strncmp(path, p->dir, n) == 0 && path[n] == '/')
		path += n + 1;
	return *path == '\0' || *path == '.' || strchr(path, '/') ? NULL : path;
}

static int policy_socket(const struct forwards *f, const struct vpnkit_port *port, enum forwards_asker who,
			 struct sockaddr_un *out, struct error *err)
{
	const struct host_policy *p = f->data;
	const char *name;

	if (who == FORWARDS_GUEST)
		return error_say(err, EACCES, "out_path %s: the guest may not have sockets made", port->out_path);
	name = socket_name(p, port->out_path);
	if (!name)
		return error_say(err, EACCES, "out_path %s: a socket of the host is made in %s alone", port->out_path,
				 p->dir);
	return unixsock_address(out, p->state, p->dir, name) < 0 ? error_set(err, errno, "out_path %s", name) : 0;
}

static int policy_address(const struct forwards *f, const struct vpnkit_port *port, enum forwards_asker who,
			  struct vpnkit_ip *ip, struct error *err)
{
	const struct host_policy *p = f->data;
	char text[64];

	if (who == FORWARDS_USER || allow_check(p->allow, port, ip))
		return 0;
	return error_say(err, EACCES, "Bind for %s:%u: permission denied: the host allows %s",
			 vpnkit_ip_text(ip, text, sizeof(text)), port->out_port,
			 "other ports and addresses alone (pith run --forward-allow)");
}

const struct forwards_policy host_policy = { .address = policy_address, .socket = policy_socket };
