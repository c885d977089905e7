/* `pith ports`: which ports of the host lead into a machine. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "doors.h"
#include "http_client.h"
#include "log.h"
#include "place.h"
#include "str.h"
#include "unixsock.h"

enum { PATIENCE_US = 10 * 1000 * 1000, LIST_MAX = 4 * 1024 * 1024 };

struct options {
	bool json;
};

struct asked {
	struct loop *loop;
	struct error err;
	struct buf list; /* what was answered */
};

static const struct option ports_table[] = {
	{ "json", .set = option_set_switch, .field = offsetof(struct options, json),
	  .help = "as VPNKit's control API lists them" },
	{ 0 },
};

static void list_came(struct http_call *call, struct error *err)
{
	struct asked *a = call->data;

	if (err)
		error_move(&a->err, err);
	else if (call->answer.status != 200)
		error_set(&a->err, 0, "the control socket answers with status %u", call->answer.status);
	else if (buf_add(&a->list, buf_bytes(&call->answer.body), call->answer.body.len) < 0)
		error_set(&a->err, ENOMEM, "ports");
	loop_quit(a->loop, 0);
}

static int list_ask(const char *dir, struct asked *a, struct error *err)
{
	_cleanup_close_ int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct http_call call = { .data = a };
	struct sockaddr_un address;
	const struct http_wish wish = { .host = "unix",
					.target = VPNKIT_LIST,
					.address = (struct sockaddr *)&address,
					.address_len = sizeof(address),
					.deadline = loop_now() + PATIENCE_US,
					.max = LIST_MAX };
	int r;

	if (fd < 0)
		return error_set(err, errno, "%s", dir);
	if (faccessat(fd, CONTROL_SOCKET, F_OK, 0) < 0)
		return error_set(err, 0,
				 "no ports are forwarded in %s: `pith run --networking vpnkit` forwards them (and "
				 "ports of QEMU's own network are in its command line alone)",
				 dir);
	if (unixsock_address(&address, fd, dir, CONTROL_SOCKET) < 0)
		return error_set(err, errno, "%s", dir);
	r = http_start(&call, a->loop, &wish, list_came, err);
	if (r == 0)
		r = loop_run(a->loop, err);
	http_stop(&call);
	return r == 0 && a->err.msg ? error_move(err, &a->err) : r;
}

static int port_print(const struct jsonr *item, struct error *err)
{
	_cleanup_vpnkit_port_ struct vpnkit_port p = { 0 };
	static const char *const protos[] = { [VPNKIT_TCP] = "tcp", [VPNKIT_UDP] = "udp", [VPNKIT_UNIX] = "unix" };
	char out[64], in[64], host[80];

	if (vpnkit_port_from_json(item, &p, err) < 0)
		return -1;
	if (p.proto == VPNKIT_UNIX) {
		printf("%-5s %-30s %s\n", protos[p.proto], p.out_path, p.in_path);
		return 0;
	}
	snprintf(host, sizeof(host), "%s:%u", vpnkit_ip_text(&p.out_ip, out, sizeof(out)), p.out_port);
	printf("%-5s %-30s %s:%u\n", protos[p.proto], host, vpnkit_ip_text(&p.in_ip, in, sizeof(in)), p.in_port);
	return 0;
}

static int list_print(const struct buf *list, bool json, struct error *err)
{
	struct jsonr all, item;
	struct jsonr_iter it;

	if (jsonr_parse(buf_text(list), list->len, &all, err) < 0)
		return -1;
	if (json) {
		puts(buf_text(list));
		return 0;
	}
	printf("%-5s %-30s %s\n", "PROTO", "HOST", "GUEST");
	it = jsonr_iter(&all);
	while (jsonr_element(&it, &item))
		if (port_print(&item, err) < 0)
			return -1;
	return 0;
}

static int ports_main(const struct command *c, char **argv)
{
	_cleanup_error_ struct error err = { 0 };
	_cleanup_free_ char *dir = NULL;
	struct options o = { 0 };
	struct asked asked = { 0 };
	int status = command_line(c, argv, &o);

	if (status >= 0)
		return status;
	if (!argv[1] || argv[2]) {
		error_set(&err, 0, "which machine? `pith ports NAME`");
		return command_refuse(&err);
	}
	dir = place_find(argv[1], &err);
	asked.loop = dir ? loop_new(&err) : NULL;
	status = asked.loop && list_ask(dir, &asked, &err) == 0 && list_print(&asked.list, o.json, &err) == 0 ? 0 : 1;
	loop_free(asked.loop);
	buf_free(&asked.list);
	if (status != 0)
		log_error("%s", error_text(&err));
	return status;
}

static const char *const ports_usage[] = { "[--json] NAME|STATE", NULL };

const struct command ports_command = {
	.name = "ports",
	.summary = "list the ports of the host that lead into a machine",
	.usage = ports_usage,
	.text = "Lists the ports that `pith run --networking vpnkit --publish` and the guest itself have opened.",
	.options = ports_table,
	.run = ports_main,
};
