#include <errno.h>

#include "expose.h"
#include "str.h"

/* The call comes first: it is what is called back with. */
struct ask {
	struct http_call call;
	bool done;
	struct error err;
};

static void call_done(struct http_call *call, struct error *err)
{
	struct ask *a = (struct ask *)call;

	a->done = true;
	if (err)
		error_move(&a->err, err);
}

static int call_run(struct control *c, struct http_wish *wish, struct ask *a, struct error *err)
{
	int r = 0;

	if (http_start(&a->call, c->loop, wish, call_done, err) < 0)
		return -1;
	while (r >= 0 && !a->done && !(c->quit && *c->quit))
		r = loop_once(c->loop, -1, err);
	if (r < 0)
		return -1;
	if (!a->done)
		return error_set(err, EINTR, "stopped while the host was asked");
	return a->err.msg || a->err.code ? error_move(err, &a->err) : 0;
}

/* What the host says in a body of JSON: {"message": TEXT}, or a text alone. */
int control_error(const struct http_answer *a, struct error *err)
{
	struct jsonr top, message;
	_cleanup_free_ char *text = NULL;

	if (jsonr_parse(buf_text(&a->body), a->body.len, &top, NULL) == 0) {
		message = top.type == JSONR_OBJECT ? jsonr_get(&top, "message") : top;
		text = jsonr_text(&message);
	}
	return error_say(err, 0, "%s", text ? text : "the host refuses it, and does not say why");
}

int control_wish(const struct vpnkit_address *a, const struct vpnkit_port *p, bool expose, struct buf *body,
		 struct http_wish *out)
{
	static const char *const headers[] = { "Content-Type: application/json", NULL };
	static const char *const paths[2][2] = {
		{ VPNKIT_UNEXPOSE_PORT, VPNKIT_UNEXPOSE_PIPE },
		{ VPNKIT_EXPOSE_PORT, VPNKIT_EXPOSE_PIPE },
	};
	struct jsonw w = { .out = body, .compact = true };

	vpnkit_port_to_json(p, &w, NULL);
	if (jsonw_done(&w) < 0)
		return -1;
	*out = (struct http_wish){
		.method = expose ? "PUT" : "DELETE",
		.host = "unix",
		.target = paths[expose][p->proto == VPNKIT_UNIX],
		.headers = headers,
		.body = buf_text(body),
		.body_len = body->len,
		.address = (const struct sockaddr *)&a->address,
		.address_len = a->len,
		.deadline = loop_now() + (expose ? CONTROL_PATIENCE_US : UNEXPOSE_PATIENCE_US),
		.max = CONTROL_ANSWER_MAX,
	};
	return 0;
}

static int control_change(struct control *c, const struct vpnkit_port *p, bool expose, struct error *err)
{
	_cleanup_buf_ struct buf body = { 0 };
	struct http_wish wish;
	struct ask ask = { .call.data = c->data };
	int r;

	if (control_wish(&c->address, p, expose, &body, &wish) < 0)
		return error_set(err, ENOMEM, "control");
	wish.connected = c->asks;
	r = call_run(c, &wish, &ask, err);
	if (r == 0 && ask.call.answer.status == 400)
		r = control_error(&ask.call.answer, err);
	else if (r == 0 && ask.call.answer.status / 100 != 2)
		r = error_set(err, 0, "%s: the host answers with status %u", wish.target, ask.call.answer.status);
	http_stop(&ask.call);
	return r;
}

int control_expose(struct control *c, const struct vpnkit_port *p, struct error *err)
{
	return control_change(c, p, true, err);
}

int control_unexpose(struct control *c, const struct vpnkit_port *p, struct error *err)
{
	struct control alone = { .loop = c->loop, .address = c->address }; /* a signal does not keep it from that */

	return control_change(&alone, p, false, err);
}

int control_get(struct control *c, const char *path, struct buf *out, struct error *err)
{
	struct ask ask = { 0 };
	struct http_wish wish = {
		.host = "unix",
		.target = path,
		.address = (const struct sockaddr *)&c->address.address,
		.address_len = c->address.len,
		.deadline = loop_now() + CONTROL_PATIENCE_US,
		.max = CONTROL_ANSWER_MAX,
	};
	int r = call_run(c, &wish, &ask, err);

	if (r == 0 && ask.call.answer.status != 200)
		r = error_set(err, 0, "%s: the host answers with status %u", path, ask.call.answer.status);
	if (r == 0 && buf_add(out, buf_text(&ask.call.answer.body), ask.call.answer.body.len) < 0)
		r = error_set(err, ENOMEM, "%s", path);
	http_stop(&ask.call);
	return r;
}
