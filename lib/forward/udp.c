#include "udp_private.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { BATCH = 64 };

/* --- the table of flows ------------------------------------------------------------------------------------------- */

/* Seeded, so that nobody chooses addresses that all meet in one bucket. */
static size_t address_hash(const struct udp *u, const uint8_t *address, size_t n)
{
	uint32_t h = 2166136261u ^ u->seed;

	while (n-- > 0)
		h = (h ^ *address++) * 16777619u;
	return h % UDP_BUCKETS;
}

static struct udp_flow *flow_find(struct udp_port *p, const uint8_t *key, size_t n)
{
	struct list *bucket = &p->udp->buckets[address_hash(p->udp, key, n)], *l;

	for (l = bucket->next; l != bucket; l = l->next) {
		struct udp_flow *f = list_entry(l, struct udp_flow, bucket);

		if (f->port == p && f->key_len == n && memcmp(f->key, key, n) == 0)
			return f;
	}
	return NULL;
}

static void flow_free(struct udp_flow *f)
{
	f->port->udp->count--;
	list_remove(&f->bucket);
	list_remove(&f->age);
	list_remove(&f->place);
	udp_carrier_close(&f->carrier);
	free(f);
}

static void udp_expire(struct loop_timer *timer)
{
	struct udp *u = timer->data;
	uint64_t now = loop_now();

	while (!list_empty(&u->flows)) {
		struct udp_flow *f = list_entry(u->flows.next, struct udp_flow, age);

		if (f->used + u->idle_us > now) {
			(void)loop_timer_arm(u->loop, &u->expiry, f->used + u->idle_us, NULL); /* the next one does */
			return;
		}
		flow_free(f);
	}
}

static void flow_touch(struct udp_flow *f)
{
	struct udp *u = f->port->udp;

	f->used = loop_now();
	list_remove(&f->age);
	list_append(&u->flows, &f->age);
	if (!loop_timer_armed(&u->expiry))
		(void)loop_timer_arm(u->loop, &u->expiry, f->used + u->idle_us, NULL); /* likewise */
}

/* --- from the other end
 * ----------------------------------------------------------------------------------------------- */

static void datagram_answer(struct udp_port *p, struct udp_flow *f, const struct vpnkit_datagram *d)
{
	/* What the client's own network does not take is lost, as anywhere. */
	if (!f ||
	    sendto(p->io.fd, d->payload, d->len, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&f->client,
		   f->client_len) < 0) {
		p->udp->dropped++;
		return;
	}
	p->udp->in++;
	flow_touch(f);
}

static void flow_answered(struct udp_carrier *c, const struct vpnkit_datagram *d)
{
	struct udp_flow *f = c->data;

	datagram_answer(f->port, f, d);
}

static void port_answered(struct udp_carrier *c, const struct vpnkit_datagram *d)
{
	struct udp_port *p = c->data;

	datagram_answer(p, flow_find(p, d->address, d->address_len), d);
}

/* --- from clients ------------------------------------------------------------------------------------------------- */

static struct udp_flow *flow_make(struct udp_port *p, const uint8_t *key, size_t n)
{
	struct udp *u = p->udp;
	struct udp_flow *f;

	if (u->count >= UDP_FLOWS)
		flow_free(list_entry(u->flows.next, struct udp_flow, age));
	f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	u->count++;
	f->port = p;
	f->key_len = n;
	memcpy(f->key, key, n);
	list_init(&f->age);
	list_append(&u->buckets[address_hash(p->udp, key, n)], &f->bucket);
	list_append(&p->flows, &f->place);
	f->carrier =
		(struct udp_carrier){ .way = u->way, .to = &p->to, .fd = -1, .data = f, .answered = flow_answered };
	return f;
}

/* Before the other end has said what it speaks, a datagram is kept where it would go if it took connections. */
static void flow_send(struct udp_flow *f, const uint8_t *payload, size_t n)
{
	static const struct vpnkit_ip none = { 0 };
	struct udp_port *p = f->port;
	uint8_t nobody[VPNKIT_UDP_ADDRESS];
	bool sent;

	if (p->udp->way->carries == WAY_CHANNELS)
		sent = udp_carrier_send(&f->carrier, nobody, vpnkit_datagram_address(nobody, &none, 0), payload, n);
	else
		sent = udp_carrier_send(&p->shared, f->key, f->key_len, payload, n);
	if (sent)
		p->udp->out++;
	else
		p->udp->dropped++;
}

static void port_divided(struct udp_carrier *c, const struct vpnkit_datagram *d)
{
	struct udp_flow *f = flow_find(c->data, d->address, d->address_len);

	if (f)
		flow_send(f, d->payload, d->len);
}

static void datagram_take(struct udp_port *p, const struct sockaddr_storage *from, socklen_t from_len,
			  const uint8_t *payload, size_t n)
{
	uint8_t key[VPNKIT_UDP_ADDRESS];
	struct vpnkit_ip ip;
	struct udp_flow *f;
	uint16_t port;
	size_t key_len;

	if (!vpnkit_ip_from((const struct sockaddr *)from, &ip, &port))
		return;
	key_len = vpnkit_datagram_address(key, &ip, port);
	f = flow_find(p, key, key_len);
	if (!f)
		f = flow_make(p, key, key_len);
	if (!f)
		return;
	f->client = *from;
	f->client_len = from_len;
	flow_touch(f);
	flow_send(f, payload, n);
}

static void port_ready(struct loop_io *io, uint32_t events)
{
	static uint8_t payload[VPNKIT_DATAGRAM + 1];
	struct udp_port *p = io->data;

	(void)events;
	for (int i = 0; i < BATCH; i++) {
		struct sockaddr_storage from;
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(io->fd, payload, sizeof(payload), MSG_DONTWAIT, (struct sockaddr *)&from, &len);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n >= 0 && n <= VPNKIT_DATAGRAM)
			datagram_take(p, &from, len, payload, (size_t)n);
	}
}

/* --- ports -------------------------------------------------------------------------------------------------------- */

struct udp_port *udp_port_open(struct udp *u, int fd, const struct vpnkit_destination *to, struct error *err)
{
	struct udp_port *p = calloc(1, sizeof(*p));

	if (!p) {
		close(fd);
		error_set(err, ENOMEM, "port");
		return NULL;
	}
	p->udp = u;
	p->to = *to;
	list_init(&p->flows);
	p->shared = (struct udp_carrier){
		.way = u->way, .to = &p->to, .fd = -1, .data = p, .answered = port_answered, .divided = port_divided
	};
	p->io = (struct loop_io){ .fd = fd, .events = EPOLLIN, .fn = port_ready, .data = p };
	if (loop_io_add(u->loop, &p->io, err) == 0)
		return p;
	close(fd);
	free(p);
	return NULL;
}

void udp_port_close(struct udp_port *p)
{
	loop_io_remove(&p->io);
	while (!list_empty(&p->flows))
		flow_free(list_entry(p->flows.next, struct udp_flow, place));
	udp_carrier_close(&p->shared);
	close(p->io.fd);
	free(p);
}

int udp_init(struct udp *u, uint64_t idle_us, struct error *err)
{
	u->idle_us = idle_us ? idle_us : UDP_IDLE_US;
	u->expiry = (struct loop_timer){ .fn = udp_expire, .data = u };
	list_init(&u->flows);
	if (getrandom(&u->seed, sizeof(u->seed), 0) < 0)
		return error_set(err, errno, "random numbers");
	u->buckets = calloc(UDP_BUCKETS, sizeof(*u->buckets));
	if (!u->buckets)
		return error_set(err, ENOMEM, "flows");
	for (size_t i = 0; i < UDP_BUCKETS; i++)
		list_init(&u->buckets[i]);
	return 0;
}

void udp_free(struct udp *u)
{
	loop_timer_disarm(&u->expiry);
	free(u->buckets);
	u->buckets = NULL;
}
