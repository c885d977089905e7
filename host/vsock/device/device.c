#include "device.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conn.h"

enum {
	TX_BATCH = 128,          /* packets of the guest in one round of the loop */
	TX_LATE_US = 10000,      /* before they are given back, unless they are many, */
	TX_LATE_BYTES = 16384,   /* or large: Linux wakes a writer only when little is out */
	TABLE_START = 64,        /* buckets; a power of two, as all sizes of the table */
	PORT_FIRST = 0x40000000, /* host ports of connections that the host opens */
	PORT_LAST = 0x7fffffff,
};

/* --- connections by their ports ---------------------------------------------------------------------------------- */

static size_t bucket(const struct vsock_device *dev, uint32_t host_port, uint32_t guest_port)
{
	uint64_t key = ((uint64_t)host_port << 32 | guest_port) * 0x9e3779b97f4a7c15ULL;

	return (size_t)(key >> 32) & (dev->table_size - 1);
}

struct conn *device_find(const struct vsock_device *dev, uint32_t host_port, uint32_t guest_port)
{
	struct conn *c = dev->table[bucket(dev, host_port, guest_port)];

	while (c && (c->host_port != host_port || c->guest_port != guest_port))
		c = c->next;
	return c;
}

/* Without memory the chains just grow longer. */
static void grow(struct vsock_device *dev)
{
	size_t old_size = dev->table_size, i;
	struct conn **old = dev->table, **table = calloc(old_size * 2, sizeof(struct conn *)), *c, *next;

	if (!table)
		return;
	dev->table = table;
	dev->table_size = old_size * 2;
	for (i = 0; i < old_size; i++) {
		for (c = old[i]; c; c = next) {
			size_t b = bucket(dev, c->host_port, c->guest_port);

			next = c->next;
			c->next = table[b];
			table[b] = c;
		}
	}
	free(old);
}

void device_insert(struct vsock_device *dev, struct conn *c)
{
	size_t b;

	if (dev->count >= dev->table_size)
		grow(dev);
	b = bucket(dev, c->host_port, c->guest_port);
	c->next = dev->table[b];
	dev->table[b] = c;
	c->inserted = true;
	dev->count++;
}

static size_t port_index(uint32_t guest_port)
{
	return (size_t)(guest_port * 0x9e3779b97f4a7c15ULL >> 54) % DEVICE_PORTS;
}

static struct device_port *port_place(struct vsock_device *dev, uint32_t guest_port)
{
	return &dev->ports[port_index(guest_port)];
}

void device_remove(struct vsock_device *dev, struct conn *c)
{
	struct conn **at;

	if (!c->inserted)
		return;
	at = &dev->table[bucket(dev, c->host_port, c->guest_port)];
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	c->inserted = false;
	dev->count--;
	if (c->taken)
		port_place(dev, c->guest_port)->taken--;
	c->taken = false;
}

void device_taken(struct vsock_device *dev, struct conn *c)
{
	struct device_port *p = port_place(dev, c->guest_port);

	c->taken = true;
	p->taken++;
	p->taken_us = loop_now();
}

bool device_taken_at(const struct vsock_device *dev, uint32_t guest_port, uint64_t *when)
{
	const struct device_port *p = &dev->ports[port_index(guest_port)];

	*when = p->taken_us;
	return p->taken > 0;
}

uint32_t device_credit(const struct vsock_device *dev)
{
	size_t share = CREDIT_TOTAL / (dev->total + 1);

	return share > CREDIT_MAX ? CREDIT_MAX : share < CREDIT_MIN ? CREDIT_MIN : (uint32_t)share;
}

/* --- places in the receive ring ---------------------------------------------------------------------------------- */

static void ring_broken(struct vsock_device *dev, enum vsock_queue which)
{
	const char *why = dev->queues[which]->broken;

	dev->queues[which] = NULL;
	dev->broken(dev->ring_data, which, why);
	device_reset(dev);
}

/* Payload that one chain takes. */
static size_t chain_room(const struct virtqueue_chain *chain)
{
	size_t room = chain->in_bytes - VSOCK_HEADER_SIZE;

	return room < VSOCK_PAYLOAD_MAX ? room : VSOCK_PAYLOAD_MAX;
}

bool device_fill_begin(struct vsock_device *dev, struct fill *f, size_t bytes)
{
	struct virtqueue *q = dev->queues[VSOCK_RX];
	int pieces = 0;

	f->count = 0;
	f->room = 0;
	while (q && f->count < FILL_CHAINS && (f->count == 0 || f->room < bytes) &&
	       pieces + VIRTQUEUE_IOV_MAX <= FILL_IOV) {
		struct virtqueue_chain *chain = &f->chains[f->count];
		int r = virtqueue_pop(q, chain, dev->chain_iov[f->count], VIRTQUEUE_IOV_MAX);

		if (r == 0)
			break;
		if (r > 0 && (chain->out_count > 0 || chain->in_bytes < VSOCK_HEADER_SIZE)) {
			q->broken = "receive buffer without room for a header";
			r = -1;
		}
		if (r < 0) /* found again at the end of the round */
			return false;
		f->room += chain_room(chain);
		pieces += (int)chain->in_count;
		f->count++;
	}
	return f->count > 0;
}

int device_fill_iov(struct vsock_device *dev, const struct fill *f, size_t bytes)
{
	int n = 0;
	size_t i, j;

	for (i = 0; i < f->count && bytes > 0; i++) {
		size_t skip = VSOCK_HEADER_SIZE, left = chain_room(&f->chains[i]);

		left = left < bytes ? left : bytes;
		bytes -= left;
		for (j = 0; j < f->chains[i].in_count && left > 0; j++) {
			struct iovec v = f->chains[i].iov[j];
			size_t cut = skip < v.iov_len ? skip : v.iov_len;

			skip -= cut;
			v.iov_base = (char *)v.iov_base + cut;
			v.iov_len -= cut;
			if (v.iov_len > left)
				v.iov_len = left;
			left -= v.iov_len;
			if (v.iov_len > 0)
				dev->fill_iov[n++] = v;
		}
	}
	return n;
}

static void put_header(const struct virtqueue_chain *chain, const struct vsock_header *h)
{
	uint8_t bytes[VSOCK_HEADER_SIZE];
	size_t done = 0, j;

	vsock_header_write(bytes, h);
	for (j = 0; done < sizeof(bytes); j++) {
		size_t part = sizeof(bytes) - done;

		if (chain->iov[j].iov_len < part)
			part = chain->iov[j].iov_len;
		memcpy(chain->iov[j].iov_base, bytes + done, part);
		done += part;
	}
}

static void give_back(struct virtqueue *q, struct fill *f, size_t keep)
{
	while (f->count > keep)
		virtqueue_unpop(q, &f->chains[--f->count]);
}

void device_fill_end(struct vsock_device *dev, struct fill *f, struct vsock_header *h, size_t bytes,
		     uint32_t last_flags)
{
	struct virtqueue *q = dev->queues[VSOCK_RX];
	size_t used = 1, room = chain_room(&f->chains[0]), i;

	while (room < bytes)
		room += chain_room(&f->chains[used++]);
	give_back(q, f, used);
	for (i = 0; i < used; i++) {
		size_t part = chain_room(&f->chains[i]);

		part = part < bytes ? part : bytes;
		bytes -= part;
		h->len = (uint32_t)part;
		if (i + 1 == used)
			h->flags = last_flags;
		put_header(&f->chains[i], h);
		virtqueue_push(q, &f->chains[i], (uint32_t)(VSOCK_HEADER_SIZE + part));
	}
}

void device_fill_cancel(struct vsock_device *dev, struct fill *f)
{
	give_back(dev->queues[VSOCK_RX], f, 0);
}

/* --- host to guest ----------------------------------------------------------------------------------------------- */

static bool send_stray(struct vsock_device *dev)
{
	const struct stray *s = &dev->strays[dev->stray_first];
	struct vsock_header h = {
		.src_cid = VSOCK_CID_HOST,
		.dst_cid = dev->cid,
		.src_port = s->src_port,
		.dst_port = s->dst_port,
		.type = s->type,
		.op = VSOCK_OP_RST,
	};
	struct fill f;

	if (!device_fill_begin(dev, &f, 0))
		return false;
	h.src_cid = s->src_cid;
	device_fill_end(dev, &f, &h, 0, 0);
	dev->stray_first = (dev->stray_first + 1) % DEVICE_STRAYS;
	dev->stray_count--;
	return true;
}

static void show_rx(struct vsock_device *dev)
{
	if (virtqueue_flush(dev->queues[VSOCK_RX]))
		dev->notify(dev->ring_data, VSOCK_RX);
}

/* Until the ring is full, nobody has anything to say, or everybody had a turn. True: somebody has more to say.
 * The guest is shown what there is after each turn: it works on that while the next one goes on, and as long as it
 * does, it asks for no further notification. */
static bool serve_guest(struct vsock_device *dev)
{
	size_t turns = dev->count + 1;

	while (dev->stray_count > 0)
		if (!send_stray(dev))
			return true;
	while (!list_empty(&dev->ready)) {
		struct conn *c = list_entry(dev->ready.next, struct conn, place);
		bool done;

		if (turns-- == 0)
			return true;
		list_remove(&c->place);
		done = conn_turn(c);
		dev->first = false;
		show_rx(dev);
		if (!done)
			return true;
	}
	return false;
}

/* True: more to do at once. */
static bool run_rx(struct vsock_device *dev)
{
	struct virtqueue *q = dev->queues[VSOCK_RX];
	bool more;

	if (!q)
		return false;
	virtqueue_kicks(q, false);
	dev->first = true;
	more = serve_guest(dev);
	show_rx(dev);
	if (q->broken) {
		ring_broken(dev, VSOCK_RX);
		return false;
	}
	/* A kick is wanted when the guest adds buffers to a ring that was too small. */
	return more && (virtqueue_pending(q) || virtqueue_kicks(q, true));
}

/* --- guest to host ----------------------------------------------------------------------------------------------- */

static void answer_rst(struct vsock_device *dev, const struct vsock_header *h)
{
	size_t at = (dev->stray_first + dev->stray_count) % DEVICE_STRAYS;

	/* To wait for places could be for ever: a guest may take nothing until its own answers have gone. It asks
	 * again, or gives up. */
	if (h->op == VSOCK_OP_RST || dev->stray_count == DEVICE_STRAYS)
		return;
	dev->strays[at] = (struct stray){ h->dst_cid, h->dst_port, h->src_port, h->type };
	dev->stray_count++;
}

static void guest_request(struct vsock_device *dev, const struct vsock_header *h)
{
	struct conn *c = dev->total < DEVICE_CONNS ? conn_new(dev, h->dst_port, h->src_port, h->type) : NULL;

	if (c) {
		c->peer_buf_alloc = h->buf_alloc;
		c->peer_fwd_cnt = h->fwd_cnt;
		device_insert(dev, c);
		if (conn_dial(c))
			return;
		conn_free(c);
	}
	dev->stats.refused++;
	answer_rst(dev, h);
}

/* Copies the header out and leaves the pieces of the payload. False: too short. */
static bool take_header(struct virtqueue_chain *chain, struct vsock_header *h)
{
	uint8_t bytes[VSOCK_HEADER_SIZE];
	size_t done = 0;
	struct iovec *v = chain->iov;

	if (chain->out_bytes < sizeof(bytes))
		return false;
	while (done < sizeof(bytes)) {
		size_t part = sizeof(bytes) - done;

		if (v->iov_len < part)
			part = v->iov_len;
		memcpy(bytes + done, v->iov_base, part);
		done += part;
		v->iov_base = (char *)v->iov_base + part;
		v->iov_len -= part;
		if (v->iov_len == 0) {
			v++;
			chain->out_count--;
		}
	}
	chain->iov = v;
	chain->out_bytes -= sizeof(bytes);
	vsock_header_parse(bytes, h);
	return true;
}

/* Cuts the pieces to exactly len bytes; there are at least as many. */
static int cut_payload(struct virtqueue_chain *chain, uint32_t len)
{
	int n = 0;

	while (len > 0) {
		struct iovec *v = &chain->iov[n++];

		if (v->iov_len > len)
			v->iov_len = len;
		len -= (uint32_t)v->iov_len;
	}
	return n;
}

static void take_packet(struct vsock_device *dev, struct virtqueue_chain *chain)
{
	struct vsock_header h;
	struct conn *c;

	if (!take_header(chain, &h) || h.src_cid != dev->cid)
		return; /* nobody to answer to */
	c = device_find(dev, h.dst_port, h.src_port);
	if (h.dst_cid != VSOCK_CID_HOST || (h.type != VSOCK_STREAM && h.type != VSOCK_SEQPACKET) ||
	    (c && c->type != h.type)) {
		answer_rst(dev, &h);
		return;
	}
	if (h.op == VSOCK_OP_RW && h.len > chain->out_bytes)
		h.op = VSOCK_OP_INVALID; /* ends the connection */
	if (c && h.op == VSOCK_OP_REQUEST && c->state == CONN_CLOSING) {
		/* The guest has forgotten the old connection and may use its port again. */
		conn_free(c);
		c = NULL;
	}
	if (c)
		conn_packet(c, &h, chain->iov, h.op == VSOCK_OP_RW ? cut_payload(chain, h.len) : 0);
	else if (h.op == VSOCK_OP_REQUEST)
		guest_request(dev, &h);
	else
		answer_rst(dev, &h);
}

/* Gives back what the guest sent. */
static void complete_tx(struct loop_timer *t)
{
	struct vsock_device *dev = t->data;
	struct virtqueue *q = dev->queues[VSOCK_TX];

	loop_timer_disarm(t);
	dev->tx_bytes = 0;
	if (q && virtqueue_flush(q))
		dev->notify(dev->ring_data, VSOCK_TX);
}

/* True: more to do at once. */
static bool run_tx(struct vsock_device *dev)
{
	struct virtqueue *q = dev->queues[VSOCK_TX];
	int left = TX_BATCH, r = 0;

	if (!q)
		return false;
	virtqueue_kicks(q, false);
	while (left > 0) {
		struct virtqueue_chain chain, rest;

		r = virtqueue_pop(q, &chain, dev->chain_iov[0], VIRTQUEUE_IOV_MAX);
		if (r <= 0)
			break;
		rest = chain;
		dev->tx_bytes += chain.out_bytes;
		take_packet(dev, &rest);
		virtqueue_push(q, &chain, 0);
		left--;
	}
	if (virtqueue_pushed(q) >= q->size / 4u || dev->tx_bytes >= TX_LATE_BYTES ||
	    (virtqueue_pushed(q) > 0 && !loop_timer_armed(&dev->late) &&
	     loop_timer_after(dev->loop, &dev->late, TX_LATE_US, NULL) < 0))
		complete_tx(&dev->late);
	if (r < 0) {
		ring_broken(dev, VSOCK_TX);
		return false;
	}
	return left == 0;
}

/* The guest learns that connections it may know are gone. QEMU keeps the event queue to itself; packets of connections
 * that nobody knows are then answered with RST one by one. */
static void run_events(struct vsock_device *dev)
{
	static const uint8_t reset[VSOCK_EVENT_SIZE] = { VSOCK_EVENT_TRANSPORT_RESET };
	struct virtqueue *q = dev->queues[VSOCK_EVENT];
	struct virtqueue_chain chain;
	size_t done = 0, j;
	int r;

	if (!q || !dev->lost)
		return;
	r = virtqueue_pop(q, &chain, dev->chain_iov[0], VIRTQUEUE_IOV_MAX);
	if (r == 0 && virtqueue_kicks(q, true))
		r = virtqueue_pop(q, &chain, dev->chain_iov[0], VIRTQUEUE_IOV_MAX);
	if (r == 0)
		return;
	if (r > 0 && chain.in_bytes < sizeof(reset)) {
		q->broken = "event buffer too small";
		r = -1;
	}
	if (r < 0) {
		ring_broken(dev, VSOCK_EVENT);
		return;
	}
	for (j = 0; done < sizeof(reset); j++) {
		struct iovec *v = &chain.iov[chain.out_count + j];
		size_t part = v->iov_len < sizeof(reset) - done ? v->iov_len : sizeof(reset) - done;

		memcpy(v->iov_base, reset + done, part);
		done += part;
	}
	virtqueue_push(q, &chain, sizeof(reset));
	dev->lost = false;
	if (virtqueue_flush(q))
		dev->notify(dev->ring_data, VSOCK_EVENT);
}

/* --- polling the guest's packets --------------------------------------------------------------------------------- */

static bool tx_pending(void *data)
{
	struct vsock_device *dev = data;
	struct virtqueue *q = dev->queues[VSOCK_TX];

	return q && virtqueue_pending(q);
}

static bool tx_arm(void *data)
{
	struct vsock_device *dev = data;
	struct virtqueue *q = dev->queues[VSOCK_TX];

	return q && virtqueue_kicks(q, true);
}

/* --- the device -------------------------------------------------------------------------------------------------- */

static void work(struct loop_timer *t)
{
	struct vsock_device *dev = t->data;
	bool more;

	dev->working = true;
	run_events(dev);
	more = run_tx(dev);
	more |= run_rx(dev);
	/* Packets may have waited for places that are free now. */
	more |= tx_pending(dev);
	dev->working = false;
	if (more)
		loop_timer_arm(dev->loop, &dev->work, loop_now(), NULL);
}

void device_wake(struct vsock_device *dev)
{
	/* Due at once: timers run at the end of the round. */
	if (!dev->working && !loop_timer_armed(&dev->work))
		loop_timer_arm(dev->loop, &dev->work, 0, NULL);
}

static void tx_ready(void *data)
{
	device_wake(data);
}

int device_init(struct vsock_device *dev, struct error *err)
{
	dev->work = (struct loop_timer){ .fn = work, .data = dev };
	dev->late = (struct loop_timer){ .fn = complete_tx, .data = dev };
	dev->poll = (struct loop_poll){
		.limit_us = dev->poll_us, .pending = tx_pending, .arm = tx_arm, .fn = tx_ready, .data = dev
	};
	loop_poll_set(dev->loop, &dev->poll);
	dev->next_port = PORT_FIRST;
	list_init(&dev->ready);
	list_init(&dev->draining);
	dev->table_size = TABLE_START;
	dev->table = calloc(dev->table_size, sizeof(struct conn *));
	if (!dev->table)
		return error_set(err, ENOMEM, "vsock device");
	return loop_timer_arm(dev->loop, &dev->work, 0, err);
}

void device_free(struct vsock_device *dev)
{
	if (!dev->table)
		return;
	device_reset(dev);
	while (!list_empty(&dev->draining))
		conn_free(list_entry(dev->draining.next, struct conn, place));
	loop_timer_disarm(&dev->work);
	loop_timer_disarm(&dev->late);
	free(dev->table);
	dev->table = NULL;
}

void device_ring(struct vsock_device *dev, enum vsock_queue which, struct virtqueue *queue)
{
	dev->queues[which] = queue;
	if (queue) {
		dev->driver_seen = true;
		device_wake(dev);
	}
}

void device_reset(struct vsock_device *dev)
{
	size_t i;

	for (i = 0; i < dev->table_size; i++)
		while (dev->table[i])
			conn_free(dev->table[i]);
	for (i = 0; i < DEVICE_PORTS; i++)
		dev->ports[i].taken_us = 0;
	dev->stray_count = 0;
	dev->driver_seen = dev->queues[VSOCK_RX] && dev->queues[VSOCK_TX];
}

void device_lost(struct vsock_device *dev)
{
	dev->lost = true;
	device_wake(dev);
}

/* A host port that makes a pair that is in use by nobody. The guest's own connections may come from any port. */
static bool pick_port(struct vsock_device *dev, uint32_t guest_port, uint32_t *out)
{
	size_t tries;

	for (tries = 0; tries <= dev->count; tries++) {
		uint32_t port = dev->next_port;

		dev->next_port = port == PORT_LAST ? PORT_FIRST : port + 1;
		if (!device_find(dev, port, guest_port)) {
			*out = port;
			return true;
		}
	}
	return false;
}

struct conn *device_connect(struct vsock_device *dev, int fd, uint32_t guest_port, uint16_t type)
{
	struct conn *c = NULL;
	uint32_t port;

	if (dev->driver_seen && dev->total < DEVICE_CONNS && pick_port(dev, guest_port, &port))
		c = conn_new(dev, port, guest_port, type);
	if (!c || conn_attach(c, fd, NULL) < 0) {
		dev->stats.refused++;
		close(fd);
		if (c)
			conn_free(c);
		return NULL;
	}
	device_insert(dev, c);
	conn_request(c);
	return c;
}
