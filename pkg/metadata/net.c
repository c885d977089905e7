#include "net.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "http_client.h"
#include "str.h"

enum {
	PROVIDERS_MAX = 32,
	TOKEN_MAX = 1024, /* bytes */
};

static const char token_ask[] = "X-aws-ec2-metadata-token-ttl-seconds: 300";

enum try_state {
	TRY_TOKEN,
	TRY_PROBING,
	TRY_THERE,
	TRY_AWAY,
};

struct net;

struct
try {
	const struct provider *provider;
	struct net *net;
	enum try_state state;
	struct http_call call;
	char *token; /* the header with it; NULL: none */
};

struct fetch {
	const struct provider_item *item;
	struct net *net;
	struct http_call call;
};

struct net {
	struct loop *loop;
	net_say_fn *say;
	struct try tries[PROVIDERS_MAX];
	size_t count;
	/* the winner's */
	const struct provider *winner;
	const char *token;
	uint16_t port;
	struct findings *out;
	struct fetch fetches[PROVIDER_ITEMS_MAX];
	size_t left;         /* fetches that have not ended */
	struct error failed; /* a required one */
};

/* --- requests -------------------------------------------------------------------------------------------------------
 */

/* A failed one, or a status other than 200, as one error; 0 where the answer is good. */
static int answer_check(struct http_call *c, struct error *failed, struct error *err)
{
	_cleanup_free_ char *to = NULL;

	if (failed)
		return error_move(err, failed);
	if (c->answer.status == 200)
		return 0;
	to = http_answer_header(&c->answer, "location");
	if (to && c->answer.status / 100 == 3)
		return error_say(err, ENOENT, "the server sends on to %.200s: that is not followed", to);
	return error_say(err, ENOENT, "the server answers with status %u", c->answer.status);
}

static int request_start(struct net *net, struct http_call *call, const struct provider *p, const char *token,
			 const struct http_wish *with, http_fn *done, struct error *err)
{
	const char *headers[3] = { 0 };
	struct http_wish wish = *with;
	size_t n = 0;

	if (p->header)
		headers[n++] = p->header;
	if (token)
		headers[n++] = token;
	wish.host = p->host;
	wish.port = net->port;
	wish.headers = headers;
	return http_start(call, net->loop, &wish, done, err);
}

/* --- the winner's items
 * ----------------------------------------------------------------------------------------------- */

static int item_take(const struct fetch *f, struct error *err)
{
	const struct provider_item *item = f->item;
	struct http_answer *a = (struct http_answer *)(uintptr_t)&f->call.answer;
	_cleanup_buf_ struct buf value = { 0 };
	int r = 0;

	if (item->convert)
		r = item->convert(&a->body, &value, err);
	if (r != 0)
		return r < 0 ? -1 : 0; /* there is none */
	if (!item->file) {
		findings_userdata(f->net->out, item->convert ? &value : &a->body);
		return 0;
	}
	if (!item->convert) {
		value = a->body;
		a->body = (struct buf){ 0 };
	}
	return findings_add(f->net->out, item->file, buf_text(&value), value.len, err);
}

static void fetch_end(struct fetch *f, struct error *failed)
{
	struct net *net = f->net;
	_cleanup_error_ struct error err = { 0 };
	const char *what = f->item->file ? f->item->file : "userdata";
	bool absent;

	if (answer_check(&f->call, failed, &err) < 0 || item_take(f, &err) < 0) {
		absent = f->call.answer.status == 404;
		error_wrap(&err, "%s", what);
		net->say(absent && !f->item->required, net->winner->title, error_text(&err));
		if (f->item->required && !net->failed.msg)
			error_move(&net->failed, &err);
	}
	http_stop(&f->call);
	if (--net->left == 0)
		loop_quit(net->loop, 0);
}

static void on_item(struct http_call *call, struct error *failed)
{
	fetch_end(call->data, failed);
}

static int items_fetch(struct net *net, struct error *err)
{
	const struct provider *p = net->winner;

	for (size_t i = 0; i < PROVIDER_ITEMS_MAX && p->items[i].target; i++) {
		struct fetch *f = &net->fetches[i];
		const struct provider_item *item = &p->items[i];
		struct http_wish wish = { .target = item->target,
					  .deadline = loop_now() + NET_FETCH_US,
					  .max = item->file ? FINDING_MAX : USERDATA_MAX,
					  .low_port = p->low_port && !item->file };

		*f = (struct fetch){ .item = item, .net = net, .call.data = f };
		if (request_start(net, &f->call, p, net->token, &wish, on_item, err) < 0)
			return -1;
		net->left++;
	}
	if (net->left == 0)
		loop_quit(net->loop, 0);
	return 0;
}

static void fetches_stop(struct net *net)
{
	for (size_t i = 0; i < PROVIDER_ITEMS_MAX; i++)
		http_stop(&net->fetches[i].call);
}

/* --- probing
 * ---------------------------------------------------------------------------------------------------------- */

/* The files that are in the probe's answer already. */
static int probe_digest(struct net *net, struct try *t, struct error *err)
{
	if (!t->provider->digest || t->provider->digest(&t->call.answer.body, net->out, err) == 0)
		return 0;
	return error_wrap(err, "%s", t->provider->probe);
}

static void winner_take(struct net *net, struct try *t)
{
	_cleanup_error_ struct error err = { 0 };

	net->winner = t->provider;
	net->token = t->token;
	for (size_t i = 0; i < net->count; i++)
		if (&net->tries[i] != t)
			http_stop(&net->tries[i].call);
	if (probe_digest(net, t, &err) < 0 || items_fetch(net, &err) < 0) {
		net->say(false, net->winner->title, error_text(&err));
		error_move(&net->failed, &err);
		loop_quit(net->loop, 0);
	}
}

/* Somebody's state has changed: whether it is decided now. */
static void outcome_decide(struct net *net)
{
	for (size_t i = 0; i < net->count; i++) {
		if (net->tries[i].state == TRY_THERE)
			winner_take(net, &net->tries[i]);
		if (net->tries[i].state != TRY_AWAY)
			return;
	}
	loop_quit(net->loop, 0);
}

static void on_probe(struct http_call *call, struct error *failed)
{
	struct try *t = call->data;
	_cleanup_error_ struct error err = { 0 };

	t->state = TRY_THERE;
	if (answer_check(call, failed, &err) < 0) {
		t->net->say(true, t->provider->title, error_text(&err));
		t->state = TRY_AWAY;
		http_stop(call);
	}
	outcome_decide(t->net);
}

static int probe_start(struct try *t, uint64_t deadline, struct error *err)
{
	const struct http_wish wish = { .target = t->provider->probe, .deadline = deadline, .max = FINDING_MAX };

	t->state = TRY_PROBING;
	return request_start(t->net, &t->call, t->provider, t->token, &wish, on_probe, err);
}

/* Whoever has no tokens says so, or says nothing: then without one. */
static void on_token(struct http_call *call, struct error *failed)
{
	struct try *t = call->data;
	_cleanup_error_ struct error err = { 0 };
	const char *token = buf_text(&call->answer.body);

	if (answer_check(call, failed, &err) == 0 && *token && strlen(token) == call->answer.body.len &&
	    http_value_valid(token))
		t->token = str_format("X-aws-ec2-metadata-token: %s", token);
	http_stop(call);
	if (probe_start(t, loop_now() + NET_PROBE_US - NET_TOKEN_US, &err) == 0)
		return;
	t->state = TRY_AWAY;
	outcome_decide(t->net);
}

static int token_start(struct try *t, struct error *err)
{
	const char *headers[] = { token_ask, NULL };
	const struct http_wish wish = { .method = "PUT",
					.host = t->provider->host,
					.target = "/latest/api/token",
					.headers = headers,
					.deadline = loop_now() + NET_TOKEN_US,
					.max = TOKEN_MAX };

	t->state = TRY_TOKEN;
	return http_start(&t->call, t->net->loop, &wish, on_token, err);
}

static int try_start(struct net *net, const struct provider *p, struct error *err)
{
	struct try *t = &net->tries[net->count++];

	*t = (struct try){ .provider = p, .net = net, .call.data = t };
	return p->token ? token_start(t, err) : probe_start(t, loop_now() + NET_PROBE_US, err);
}

static void net_end(struct net *net)
{
	for (size_t i = 0; i < net->count; i++) {
		http_stop(&net->tries[i].call);
		free(net->tries[i].token);
	}
	fetches_stop(net);
	error_clear(&net->failed);
	free(net);
}

#define _cleanup_net_ _cleanup_(cleanup_net)
static void cleanup_net(struct net **net)
{
	if (*net)
		net_end(*net);
}

static struct net *net_new(struct loop *loop, net_say_fn *say, struct findings *out, struct error *err)
{
	struct net *net = calloc(1, sizeof(*net));

	if (!net) {
		error_set(err, ENOMEM, "the network's sources");
		return NULL;
	}
	net->loop = loop;
	net->say = say;
	net->out = out;
	return net;
}

const struct provider *net_find(struct loop *loop, const struct provider *const *list, size_t count, net_say_fn *say,
				struct findings *out, struct error *err)
{
	_cleanup_net_ struct net *net = net_new(loop, say, out, err);

	if (!net || count == 0)
		return NULL;
	for (size_t i = 0; i < count && i < PROVIDERS_MAX; i++)
		if (try_start(net, list[i], err) < 0)
			return NULL;
	if (loop_run(loop, err) < 0)
		return NULL;
	if (net->failed.msg)
		findings_clear(out);
	return net->winner;
}

int net_fetch(struct loop *loop, const struct provider *p, uint16_t port, net_say_fn *say, struct findings *out,
	      struct error *err)
{
	_cleanup_net_ struct net *net = net_new(loop, say, out, err);

	if (!net)
		return -1;
	net->winner = p;
	net->port = port;
	if (items_fetch(net, err) < 0 || (net->left > 0 && loop_run(loop, err) < 0))
		return -1;
	return net->failed.msg ? error_move(err, &net->failed) : 0;
}
