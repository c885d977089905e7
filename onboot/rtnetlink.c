#include "rtnetlink.h"

#include <ctype.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "str.h"

/* A request: header, body, attributes, all aligned to four bytes. No request of ours comes near the size. */
struct request {
	struct nlmsghdr head;
	struct ifinfomsg info;
	uint8_t attributes[512];
};

int rtnl_open(struct error *err)
{
	struct sockaddr_nl local = { .nl_family = AF_NETLINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), one = 1;

	if (fd < 0)
		return error_set(err, errno, "netlink socket");
	/* The kernel's own words for a refusal; a kernel without them still gives the errno. */
	setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
	setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&local, sizeof(local)) < 0) {
		error_set(err, errno, "netlink socket");
		close(fd);
		return -1;
	}
	return fd;
}

static void request_start(struct request *r, uint16_t type, uint16_t flags)
{
	*r = (struct request){ 0 };
	r->head.nlmsg_type = type;
	r->head.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	r->head.nlmsg_len = NLMSG_LENGTH(sizeof(r->info));
	r->head.nlmsg_seq = 1;
}

/* Appends bytes at the aligned end; NULL when they do not fit. */
static void *request_add(struct request *r, const void *data, size_t n)
{
	size_t at = NLMSG_ALIGN(r->head.nlmsg_len);
	uint8_t *p = (uint8_t *)r + at;

	if (n > sizeof(*r) - at)
		return NULL;
	if (data)
		memcpy(p, data, n);
	r->head.nlmsg_len = (uint32_t)(at + n);
	return p;
}

static struct rtattr *attribute_open(struct request *r, uint16_t type)
{
	struct rtattr a = { .rta_type = type, .rta_len = RTA_LENGTH(0) };

	return request_add(r, &a, sizeof(a));
}

static void attribute_close(struct request *r, struct rtattr *a)
{
	if (a)
		a->rta_len = (uint16_t)((uint8_t *)r + r->head.nlmsg_len - (uint8_t *)a);
}

static bool rtnetlink_attribute(struct request *r, uint16_t type, const void *data, size_t n)
{
	struct rtattr *a = attribute_open(r, type);

	if (!a || !request_add(r, data, n))
		return false;
	attribute_close(r, a);
	return true;
}

static bool attribute_text(struct request *r, uint16_t type, const char *text)
{
	return rtnetlink_attribute(r, type, text, strlen(text) + 1);
}

static bool name_valid(const char *name)
{
	const char *p;

	if (!name || !*name || strlen(name) >= IFNAMSIZ || str_eq(name, ".") || str_eq(name, ".."))
		return false;
	for (p = name; *p; p++)
		if (*p == '/' || *p == ':' || isspace((unsigned char)*p))
			return false;
	return true;
}

/* The text the kernel puts behind the acknowledgement, if any. */
static const char *ack_text(const struct nlmsghdr *head)
{
	size_t at = NLMSG_LENGTH(sizeof(struct nlmsgerr)), end = head->nlmsg_len;

	if (!(head->nlmsg_flags & NLM_F_ACK_TLVS))
		return NULL;
	while (at + sizeof(struct nlattr) <= end) {
		const struct nlattr *a = (const void *)((const uint8_t *)head + at);

		if (a->nla_len < sizeof(*a) || a->nla_len > end - at)
			break;
		if (a->nla_type == NLMSGERR_ATTR_MSG && a->nla_len > sizeof(*a) &&
		    ((const char *)a)[a->nla_len - 1] == '\0')
			return (const char *)(a + 1);
		at += NLA_ALIGN(a->nla_len);
	}
	return NULL;
}

static int request_send(int fd, struct request *r, struct error *err)
{
	union {
		struct nlmsghdr head;
		uint8_t bytes[4096];
	} reply;
	const struct nlmsgerr *ack;
	const char *text;
	ssize_t n;

	do
		n = send(fd, r, r->head.nlmsg_len, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return error_set(err, errno, "netlink send");
	do
		n = recv(fd, &reply, sizeof(reply), 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return error_set(err, errno, "netlink receive");
	if (!NLMSG_OK(&reply.head, (size_t)n) || reply.head.nlmsg_type != NLMSG_ERROR ||
	    reply.head.nlmsg_len < NLMSG_LENGTH(sizeof(*ack)))
		return error_set(err, EPROTO, "netlink answer");
	ack = NLMSG_DATA(&reply.head);
	if (ack->error == 0)
		return 0;
	text = ack_text(&reply.head);
	return text ? error_set(err, -ack->error, "%s", text) : error_set(err, -ack->error, "kernel's answer");
}

/* The other end of a veth pair is described by a whole message of its own inside the first one's. */
static bool peer_add(struct request *r, const char *peer)
{
	struct rtattr *data = attribute_open(r, IFLA_INFO_DATA), *info;
	struct ifinfomsg none = { 0 };

	if (!data || !(info = attribute_open(r, VETH_INFO_PEER)) || !request_add(r, &none, sizeof(none)) ||
	    !attribute_text(r, IFLA_IFNAME, peer))
		return false;
	attribute_close(r, info);
	attribute_close(r, data);
	return true;
}

static bool link_describe(struct request *r, const struct rtnl_link *link)
{
	uint32_t pid = (uint32_t)link->netns_pid;
	struct rtattr *info;

	if (!attribute_text(r, IFLA_IFNAME, link->name) ||
	    (pid && !rtnetlink_attribute(r, IFLA_NET_NS_PID, &pid, sizeof(pid))))
		return false;
	info = attribute_open(r, IFLA_LINKINFO);
	if (!info || !attribute_text(r, IFLA_INFO_KIND, link->kind) || (link->peer && !peer_add(r, link->peer)))
		return false;
	attribute_close(r, info);
	return true;
}

int rtnl_link_add(int fd, const struct rtnl_link *link, struct error *err)
{
	struct request r;

	if (!name_valid(link->name))
		return error_set(err, EINVAL, "interface name '%s'", link->name ? link->name : "");
	if (link->peer && !name_valid(link->peer))
		return error_set(err, EINVAL, "peer name '%s' of interface %s", link->peer, link->name);
	request_start(&r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	if (!link_describe(&r, link))
		return error_set(err, E2BIG, "make interface %s of type %s", link->name, link->kind);
	if (request_send(fd, &r, err) < 0)
		return error_wrap(err, "make interface %s of type %s", link->name, link->kind);
	return 0;
}

int rtnl_link_move(int fd, const char *name, pid_t netns_pid, struct error *err)
{
	uint32_t pid = (uint32_t)netns_pid;
	struct request r;

	if (!name_valid(name))
		return error_set(err, EINVAL, "interface name '%s'", name);
	request_start(&r, RTM_SETLINK, 0);
	if (!attribute_text(&r, IFLA_IFNAME, name) || !rtnetlink_attribute(&r, IFLA_NET_NS_PID, &pid, sizeof(pid)))
		return error_set(err, E2BIG, "move interface %s", name);
	if (request_send(fd, &r, err) < 0)
		return error_wrap(err, "move interface %s into namespace", name);
	return 0;
}

int rtnl_link_up(int fd, const char *name, struct error *err)
{
	struct request r;

	if (!name_valid(name))
		return error_set(err, EINVAL, "interface name '%s'", name);
	request_start(&r, RTM_SETLINK, 0);
	r.info.ifi_flags = IFF_UP;
	r.info.ifi_change = IFF_UP;
	if (!attribute_text(&r, IFLA_IFNAME, name))
		return error_set(err, E2BIG, "bring up interface %s", name);
	if (request_send(fd, &r, err) < 0)
		return error_wrap(err, "bring up interface %s", name);
	return 0;
}

int rtnl_link_delete(int fd, const char *name, struct error *err)
{
	struct request r;

	if (!name_valid(name))
		return error_set(err, EINVAL, "interface name '%s'", name);
	request_start(&r, RTM_DELLINK, 0);
	if (!attribute_text(&r, IFLA_IFNAME, name))
		return error_set(err, E2BIG, "delete interface %s", name);
	if (request_send(fd, &r, err) < 0)
		return error_wrap(err, "delete interface %s", name);
	return 0;
}
