#include "forward_control.h"

#include "jsonw.h"
#include "str.h"

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

static void port_handle(struct control *c, enum what what, const struct http_request *request, struct http_reply *reply)
{
	_cleanup_vpnkit_port_ struct vpnkit_port port = { 0 };
	_cleanup_error_ struct error e = { 0 };
	int r = vpnkit_port_parse_json(request->body, request->body_len, &port, &e);

	if (r == 0)
		r = (what == EXPOSE ? forwards_expose : forwards_unexpose)(c->forwards, &port, c->who, &e);
	if (r < 0)
		reply_say(reply, 400, error_text(&e));
}

static void control_handle(void *data, const struct http_request *request, struct http_reply *reply)
{
	struct control *c = data;
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
		r = forwards_list(c->forwards, reply->body);
	} else if (what == DUMP) {
		reply->type = "text/plain";
		r = forwards_dump(c->forwards, reply->body);
	} else {
		port_handle(c, what, request, reply);
	}
	if (r < 0)
		reply_say(reply, 500, "no memory");
}

int control_open(struct control *c, struct forwards *forwards, enum forwards_asker who, int fd, struct error *err)
{
	c->forwards = forwards;
	c->who = who;
	c->server = (struct http_server){ .handler = control_handle, .data = c };
	http_server_init(&c->server, forwards->loop);
	c->listener.server = &c->server;
	return http_server_listen(&c->listener, fd, err);
}

void control_close(struct control *c)
{
	if (!c->forwards)
		return;
	listener_stop(&c->listener.listener);
	http_server_close(&c->server);
	c->forwards = NULL;
}
