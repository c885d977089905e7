#include "conns.h"

#include <unistd.h>

#include "conn_private.h"

bool conns_connect(struct conns *all, const struct conns_client *client)
{
	struct conn *c = NULL;
	uint32_t port;

	if (all->total < CONNS_MAX && table_pick_port(&all->table, client->guest_port, &port))
		c = conn_create(all, port, client->guest_port, client->type);
	if (!c || conn_attach(c, client->fd) < 0) {
		all->stats.refused++;
		close(client->fd);
		if (c)
			conn_free(c);
		return false;
	}
	c->greet = client->greet;
	table_insert(&all->table, &c->at);
	conn_ask(c);
	return true;
}

/* The guest's REQUEST. False: refused. */
static bool conns_accept(struct conns *all, const struct vsock_header *h)
{
	struct conn *c = all->total < CONNS_MAX ? conn_create(all, h->dst_port, h->src_port, h->type) : NULL;

	if (c) {
		c->peer_buf_alloc = h->buf_alloc;
		c->peer_fwd_cnt = h->fwd_cnt;
		table_insert(&all->table, &c->at);
		if (conn_dial(c))
			return true;
		conn_free(c);
	}
	all->stats.refused++;
	return false;
}

bool conns_packet(struct conns *all, const struct vsock_header *h, struct iovec *iov, int iov_count)
{
	struct conn *c = conn_of(table_find(&all->table, h->dst_port, h->src_port));

	if (c && c->type != h->type)
		return false;
	if (c && h->op == VSOCK_OP_REQUEST && (c->state == CONN_CLOSING || c->state == CONN_ABORTED)) {
		/* The guest has forgotten the old connection and may use its port again. */
		conn_free(c);
		c = NULL;
	}
	if (!c)
		return h->op == VSOCK_OP_REQUEST && conns_accept(all, h);
	conn_packet(c, h, iov, iov_count);
	return true;
}

bool conns_turn(struct conns *all)
{
	struct conn *c = list_entry(all->ready.next, struct conn, place);
	bool done;

	list_remove(&c->place);
	done = conn_turn(c);
	all->first = false;
	return done;
}

void conns_reset(struct conns *all)
{
	struct table_place *p;
	size_t at = 0;

	while ((p = table_first(&all->table, &at)))
		conn_free(conn_of(p));
	table_forget_taken(&all->table);
}

int conns_init(struct conns *all, struct error *err)
{
	list_init(&all->ready);
	list_init(&all->draining);
	return table_init(&all->table, err);
}

void conns_free(struct conns *all)
{
	if (!all->table.buckets)
		return;
	conns_reset(all);
	while (!list_empty(&all->draining))
		conn_free(list_entry(all->draining.next, struct conn, place));
	table_free(&all->table);
}
