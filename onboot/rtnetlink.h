/* Network links by rtnetlink(7): make one, move one into another network namespace, bring one up.
 * One request at a time over a blocking socket; the kernel answers at once. */
#pragma once

#include <sys/types.h>

#include "error.h"

/* A socket in the calling thread's network namespace, or -1. The caller closes it. */
int rtnl_open(struct error *err);

struct rtnl_link {
	const char *name;
	const char *kind; /* "dummy", "veth", "wireguard", "bridge" ...: whatever the kernel knows */
	const char *peer; /* veth only: name of the other end, which stays in the socket's namespace */
	pid_t netns_pid;  /* make it in this process' network namespace; 0: in the socket's */
};

/* Names are refused (EINVAL) when they are empty, too long for the kernel (15 bytes), or hold '/' or blanks. */
int rtnl_link_add(int fd, const struct rtnl_link *link, struct error *err);
int rtnl_link_move(int fd, const char *name, pid_t netns_pid, struct error *err);
int rtnl_link_up(int fd, const char *name, struct error *err);
int rtnl_link_delete(int fd, const char *name, struct error *err);
