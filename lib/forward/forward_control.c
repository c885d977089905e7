#include "control.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "jsonw.h"
#include "str.h"
#include "unixsock.h"

enum { CID_HOST = 2, BACKLOG = 64 };

enum what { LIST, DUMP, EXPOSE, UNEXPOSE, NOTHING };

static enum what path_find(const char *path)
{
	/* those without /forwards are of VPNKit's clients until 2019 */
	static const struct {
		const char *path;
		enum what what;
	} paths[] = {
		{ VPNKIT_LIST, LIST },
		{ VPNKIT_DUMP, DUMP },
		{ VPNKIT_EXPOSE_PORT, EXPOSE },
		{ VPNKIT_EXPOSE_PIPE, EXPOSE },
		{ VPNKIT_UNEXPOSE_PORT, UNEXPOSE },
		{ VPNKIT_UNEXPOSE_PIPE, UNEXPOSE },
		{ "/list", LIST },
		{ "/expose", EXPOSE },
		{ "/unexpose", UNEXPOSE },
	};

	for (size_t i = 0; i < array_len(paths); i++)
		if (str_eq(path, paths[i].path))
			return paths[i].what;
	return NOTHING;
}

static bool method_fits(const struct http_text *method, enum what what)
{
	if (what == LIST || what == DUMP)
		return http_text_is(method, "GET") || http_text_is(method, "HEAD");
	return http_text_is(method, "POST") || http_text_is(method, what == EXPOSE ? "PUT" : "DELETE");
}

static void reply_say(struct http_reply *reply, unsigned status, const char *message)
{
	struct jsonw w = { .out = reply->body, .compact = true };

	reply->status = status;
	reply->type = "application/json";
	buf_clear(reply->body);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "message", message);
	jsonw_end(&w);
	if (jsonw_done(&w) < 0)
		reply->status = 500;
}

static void port_handle(struct control_door *d, enum what what, const struct http_request *request,
			struct http_reply *reply)
{
	_cleanup_vpnkit_port_ struct vpnkit_port port = { 0 };
	_cleanup_error_ struct error e = { 0 };
	int r = vpnkit_port_parse_json(request->body, request->body_len, &port, &e);

	if (r == 0)
		r = (what == EXPOSE ? ports_expose : ports_unexpose)(d->ports, &port, d->who, &e);
	if (r < 0)
		reply_say(reply, 400, error_text(&e));
}

static void control_handle(void *data, const struct http_request *request, struct http_reply *reply)
{
	struct control_door *d = data;
	enum what what = path_find(request->path);
	int r = 0;

	if (what == NOTHING) {
		reply_say(reply, 404,
			  "no such path: /forwards/list, dump, expose/port, expose/pipe, unexpose/port, "
			  "unexpose/pipe");
	} else if (!method_fits(&request->head->method, what)) {
		reply_say(reply, 405, "not with this method");
	} else if (what == LIST) {
		reply->type = "application/json";
		r = ports_list(d->ports, reply->body);
	} else if (what == DUMP) {
		reply->type = "text/plain";
		r = ports_dump(d->ports, reply->body);
	} else {
		port_handle(d, what, request, reply);
	}
	if (r < 0)
		reply_say(reply, 500, "no memory");
}

static int door_open(struct control_door *d, struct ports *ports, const char *name, enum ports_asker who,
		     struct error *err)
{
	int fd;

	if (unixsock_address(&d->address, ports->state_fd, ports->state, name) < 0)
		return error_set(err, errno, "%s", name);
	fd = unixsock_listen(&d->address, SOCK_STREAM, BACKLOG, err);
	if (fd < 0) {
		d->address.sun_path[0] = '\0';
		return -1;
	}
	d->ports = ports;
	d->who = who;
	d->server = (struct http_server){ .handler = control_handle, .data = d };
	http_server_init(&d->server, ports->loop);
	d->listener = (struct http_listener){ .server = &d->server };
	return http_server_listen(&d->listener, fd, err);
}

static void door_close(struct control_door *d)
{
	if (!d->address.sun_path[0])
		return;
	listener_stop(&d->listener.listener);
	http_server_close(&d->server);
	unlink(d->address.sun_path); /* somebody may have removed it already */
	d->address.sun_path[0] = '\0';
}

int control_open(struct control *c, struct ports *ports, struct error *err)
{
	char name[24];

	snprintf(name, sizeof(name), "%08x.%08x", CID_HOST, VPNKIT_CONTROL_PORT);
	return door_open(&c->user, ports, CONTROL_SOCKET, PORTS_USER, err) < 0 ||
			door_open(&c->guest, ports, name, PORTS_GUEST, err) < 0
		? -1
		: 0;
}

void control_close(struct control *c)
{
	door_close(&c->user);
	door_close(&c->guest);
}
