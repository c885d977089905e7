#include "vsock_driver.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io.h"
#include "unixsock.h"
#include "vhost_user.h"

#define must(x)                                                                                       \
	do {                                                                                          \
		if (!(x)) {                                                                           \
			printf("Bail out! %s:%d: %s: %s\n", __FILE__, __LINE__, #x, strerror(errno)); \
			exit(1);                                                                      \
		}                                                                                     \
	} while (0)

enum { FIRST_REGION = DRV_MEMORY / 2, TX_PAYLOAD = 65536, TX_SLOT = TX_PAYLOAD + 4096 };

/* --- device ---------------------------------------------------------------------------------------------------- */

void pump(struct drv *d)
{
	int i;

	/* Work that makes work takes a few rounds; a full ring a few more. */
	for (i = 0; i < 12; i++)
		loop_once(d->loop, 0, NULL);
}

void drv_open(struct drv *d, const char *ports)
{
	struct sockets_options o = { .ports = ports };
	struct error e = { 0 };

	*d = (struct drv){ .memfd = -1 };
	strcpy(d->dir, "/tmp/test-vsock-XXXXXX");
	must(mkdtemp(d->dir));
	snprintf(d->hybrid, sizeof(d->hybrid), "%s/hybrid", d->dir);
	d->loop = loop_new(NULL);
	d->dev = calloc(1, sizeof(*d->dev));
	must(d->loop && d->dev);
	d->dev->conns.loop = d->loop;
	d->dev->conns.cid = GUEST_CID;
	d->dev->poll_us = 200;
	d->dev->conns.dial = sockets_dial;
	must(device_init(d->dev, NULL) == 0);
	o.state = d->dir;
	o.hybrid = d->hybrid;
	d->sockets = sockets_open(d->loop, d->dev, &o, &e);
	if (!d->sockets)
		printf("# %s\n", error_text(&e));
	must(d->sockets);
	d->dev->conns.dial_data = d->sockets;
	d->backend = backend_new(d->loop, d->dev, host_listen(d, "vhost", SOCK_STREAM, 4), false, NULL);
	must(d->backend);
	d->vhost = host_connect(d, "vhost", SOCK_STREAM);
	must(d->vhost >= 0);
	d->memfd = memfd_create("guest", MFD_CLOEXEC);
	must(ftruncate(d->memfd, DRV_MEMORY) == 0);
	d->memory = mmap(NULL, DRV_MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, d->memfd, 0);
	must(d->memory != MAP_FAILED);
}

void drv_reconnect(struct drv *d)
{
	close(d->vhost);
	d->vhost = host_connect(d, "vhost", SOCK_STREAM);
	must(d->vhost >= 0);
}

void drv_close(struct drv *d)
{
	int i;

	if (d->vhost >= 0)
		close(d->vhost);
	pump(d);
	backend_free(d->backend);
	device_free(d->dev);
	sockets_close(d->sockets);
	free(d->dev);
	loop_free(d->loop);
	munmap(d->memory, DRV_MEMORY);
	close(d->memfd);
	for (i = 0; i < VSOCK_QUEUES; i++) {
		if (d->rings[i].kick > 0)
			close(d->rings[i].kick);
		if (d->rings[i].call > 0)
			close(d->rings[i].call);
	}
	dir_remove(d->dir, NULL);
}

/* --- vhost-user ------------------------------------------------------------------------------------------------ */

void drv_send(struct drv *d, uint32_t request, uint32_t flags, const void *payload, uint32_t size, const int *fds,
	      size_t fd_count)
{
	uint32_t header[3] = { request, 1 | flags, size };
	struct iovec iov[2] = { { header, sizeof(header) }, { (void *)(uintptr_t)payload, size } };
	union {
		char bytes[CMSG_SPACE(sizeof(int) * 16)];
		struct cmsghdr align;
	} control = { { 0 } };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = size > 0 ? 2 : 1 };

	if (fd_count > 0) {
		struct cmsghdr *c;

		m.msg_control = control.bytes;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		memcpy(CMSG_DATA(c), fds, sizeof(int) * fd_count);
	}
	if (sendmsg(d->vhost, &m, MSG_NOSIGNAL) < 0)
		return; /* the device has gone; the test will see */
	pump(d);
}

void drv_send_u64(struct drv *d, uint32_t request, uint64_t value)
{
	drv_send(d, request, 0, &value, sizeof(value), NULL, 0);
}

void drv_send_state(struct drv *d, uint32_t request, uint32_t index, uint32_t num)
{
	uint32_t state[2] = { index, num };

	drv_send(d, request, 0, state, sizeof(state), NULL, 0);
}

int drv_reply(struct drv *d, void *payload, size_t size, int *fd)
{
	uint32_t header[3];
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { header, sizeof(header) };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)
	};
	struct cmsghdr *c;

	pump(d);
	if (recvmsg(d->vhost, &m, MSG_DONTWAIT) != sizeof(header))
		return -1;
	must(header[1] == 5 && header[2] <= size);
	c = CMSG_FIRSTHDR(&m);
	if (fd)
		*fd = -1;
	if (c && fd)
		memcpy(fd, CMSG_DATA(c), sizeof(int));
	must(header[2] == 0 || recv(d->vhost, payload, header[2], MSG_DONTWAIT) == (ssize_t)header[2]);
	return (int)header[2];
}

uint64_t drv_ask_u64(struct drv *d, uint32_t request)
{
	uint64_t value = UINT64_MAX;

	drv_send(d, request, 0, NULL, 0, NULL, 0);
	return drv_reply(d, &value, sizeof(value), NULL) == sizeof(value) ? value : UINT64_MAX;
}

bool drv_connected(struct drv *d)
{
	struct pollfd p = { .fd = d->vhost, .events = POLLIN };

	pump(d);
	return poll(&p, 1, 0) == 0 || !(p.revents & POLLHUP);
}

void drv_memory(struct drv *d, bool slots)
{
	struct {
		uint32_t count, padding;
		uint64_t regions[2][4];
	} table = { 2,
		    0,
		    { { 0, FIRST_REGION, DRV_USER, 0 },
		      { FIRST_REGION, DRV_MEMORY - FIRST_REGION, 2 * DRV_USER, FIRST_REGION } } };
	int fds[2] = { d->memfd, d->memfd }, i;

	if (!slots) {
		drv_send(d, VHOST_USER_SET_MEM_TABLE, 0, &table, sizeof(table), fds, 2);
		return;
	}
	for (i = 0; i < 2; i++) {
		uint64_t one[5] = { 0 };

		memcpy(one + 1, table.regions[i], 32);
		drv_send(d, VHOST_USER_ADD_MEM_REG, 0, one, sizeof(one), fds, 1);
	}
}

uint64_t drv_alloc(struct drv *d, size_t size, size_t align)
{
	uint64_t at = (d->next + align - 1) & ~(uint64_t)(align - 1);

	d->next = at + size;
	must(d->next <= DRV_MEMORY);
	return at;
}

/* The front-end's address of a guest address. */
static uint64_t user(uint64_t guest)
{
	return guest < FIRST_REGION ? DRV_USER + guest : 2 * DRV_USER + guest - FIRST_REGION;
}

void drv_ring_alloc(struct drv *d, enum vsock_queue which, uint16_t size, uint16_t stride)
{
	struct drv_ring *r = &d->rings[which];
	int kick = r->kick, call = r->call;

	*r = (struct drv_ring){
		.packed = d->features & VIRTIO_F_RING_PACKED,
		.event_idx = d->features & VIRTIO_F_RING_EVENT_IDX,
		.indirect = d->features & VIRTIO_F_RING_INDIRECT,
		.size = size,
		.stride = stride,
		.kick = kick,
		.call = call,
		.avail_wrap = true,
		.used_wrap = true,
	};
	r->desc = drv_alloc(d, 16 * (size_t)size, 16);
	r->driver = drv_alloc(d, 6 + 2 * (size_t)size, 4);
	r->device = drv_alloc(d, 6 + 8 * (size_t)size, 4);
	r->tables = drv_alloc(d, 16 * 16 * (size_t)size, 16);
	memset(d->memory + r->desc, 0, (size_t)(r->tables - r->desc));
	if (r->kick <= 0)
		r->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (r->call <= 0)
		r->call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

void drv_ring_setup(struct drv *d, enum vsock_queue which, uint32_t base)
{
	struct drv_ring *r = &d->rings[which];
	struct {
		uint32_t index, flags;
		uint64_t desc, used, avail, log;
	} addr = { which, 0, user(r->desc), user(r->device), user(r->driver), 0 };
	uint64_t index = which;

	drv_send_state(d, VHOST_USER_SET_VRING_NUM, which, r->size);
	drv_send_state(d, VHOST_USER_SET_VRING_BASE, which, base);
	drv_send(d, VHOST_USER_SET_VRING_ADDR, 0, &addr, sizeof(addr), NULL, 0);
	drv_send(d, VHOST_USER_SET_VRING_KICK, 0, &index, 8, &r->kick, 1);
	drv_send(d, VHOST_USER_SET_VRING_CALL, 0, &index, 8, &r->call, 1);
	if (d->features & VHOST_USER_F_PROTOCOL_FEATURES)
		drv_send_state(d, VHOST_USER_SET_VRING_ENABLE, which, 1);
}

void drv_start(struct drv *d, const struct drv_options *o)
{
	uint16_t size = o->ring_size ? o->ring_size : 128, i;
	uint16_t rx_stride = o->rx_split && !o->indirect ? 2 : 1, tx_stride = o->indirect ? 1 : 3;

	d->next = 4096;
	d->features = VIRTIO_F_VERSION_1 | VHOST_USER_F_PROTOCOL_FEATURES | VSOCK_F_STREAM |
		(o->packed ? VIRTIO_F_RING_PACKED : 0) | (o->event_idx ? VIRTIO_F_RING_EVENT_IDX : 0) |
		(o->indirect ? VIRTIO_F_RING_INDIRECT : 0) | (o->seqpacket ? VSOCK_F_SEQPACKET : 0);
	d->rx_size = o->rx_size ? o->rx_size : 3776;
	d->rx_ids = size / rx_stride;
	d->tx_ids = size / tx_stride < 64 ? size / tx_stride : 64;
	d->rx_kept_count = 0;
	memset(d->tx_busy, 0, sizeof(d->tx_busy));
	drv_send_u64(d, VHOST_USER_SET_PROTOCOL_FEATURES, drv_ask_u64(d, VHOST_USER_GET_PROTOCOL_FEATURES));
	drv_send(d, VHOST_USER_SET_OWNER, 0, NULL, 0, NULL, 0);
	drv_send_u64(d, VHOST_USER_SET_FEATURES, d->features);
	drv_memory(d, o->slots);
	drv_ring_alloc(d, VSOCK_RX, size, rx_stride);
	drv_ring_alloc(d, VSOCK_TX, size, tx_stride);
	for (i = 0; i < d->rx_ids; i++)
		d->rx_at[i] = drv_alloc(d, d->rx_size, 8);
	d->next = FIRST_REGION - 30000; /* the first packets lie across both regions */
	for (i = 0; i < d->tx_ids; i++)
		d->tx_at[i] = drv_alloc(d, TX_SLOT, 8);
	for (i = 0; i < d->rx_ids; i++)
		drv_give_rx(d, i);
	drv_ring_setup(d, VSOCK_RX, o->packed ? 0x80008000 : 0);
	drv_ring_setup(d, VSOCK_TX, o->packed ? 0x80008000 : 0);
	drv_kick(d, &d->rings[VSOCK_RX]);
	pump(d);
}

void drv_stop(struct drv *d, uint32_t base[2])
{
	uint32_t which;

	for (which = 0; which < 2; which++) {
		uint32_t state[2] = { 0 };

		drv_send_state(d, VHOST_USER_SET_VRING_ENABLE, which, 0);
		drv_send_state(d, VHOST_USER_GET_VRING_BASE, which, 0);
		must(drv_reply(d, state, sizeof(state), NULL) == sizeof(state) && state[0] == which);
		base[which] = state[1];
	}
}

void drv_resume(struct drv *d, const uint32_t base[2])
{
	drv_send_u64(d, VHOST_USER_SET_FEATURES, d->features);
	drv_ring_setup(d, VSOCK_RX, base[0]);
	drv_ring_setup(d, VSOCK_TX, base[1]);
	pump(d);
}

/* --- rings ------------------------------------------------------------------------------------------------------- */

static uint16_t *u16_at(struct drv *d, uint64_t guest)
{
	return (uint16_t *)(void *)(d->memory + guest);
}

static void put_desc(struct drv *d, uint64_t table, unsigned i, uint64_t addr, uint32_t len, uint16_t a, uint16_t b)
{
	uint8_t *p = d->memory + table + 16 * (uint64_t)i;

	memcpy(p, &addr, 8);
	memcpy(p + 8, &len, 4);
	memcpy(p + 12, &a, 2);
	__atomic_store_n((uint16_t *)(void *)(p + 14), b, __ATOMIC_RELEASE);
}

/* Into a table of its own, where a chain is one descriptor of the ring. */
static struct drv_piece indirect(struct drv *d, struct drv_ring *r, uint16_t id, const struct drv_piece *p, int count)
{
	uint64_t table = r->tables + 256 * (uint64_t)id;
	int i;

	for (i = 0; i < count; i++) {
		uint16_t write = p[i].write ? 2 : 0, next = i + 1 < count ? 1 : 0;

		if (r->packed)
			put_desc(d, table, (unsigned)i, p[i].addr, p[i].len, 0, write);
		else
			put_desc(d, table, (unsigned)i, p[i].addr, p[i].len, write | next, (uint16_t)(i + 1));
	}
	return (struct drv_piece){ table, 16 * (uint32_t)count, false };
}

static void add_packed(struct drv *d, struct drv_ring *r, uint16_t id, const struct drv_piece *p, int count, bool table)
{
	uint16_t head = r->avail, head_flags = 0;
	int i;

	for (i = 0; i < count; i++) {
		uint16_t flags = (uint16_t)((r->avail_wrap ? 1 << 7 : 1 << 15) | (p[i].write ? 2 : 0) |
					    (i + 1 < count ? 1 : 0) | (table ? 4 : 0));

		if (i == 0)
			head_flags = flags;
		put_desc(d, r->desc, r->avail, p[i].addr, p[i].len, id,
			 i == 0 ? (r->avail_wrap ? 1 << 15 : 1 << 7) : flags);
		if (++r->avail == r->size) {
			r->avail = 0;
			r->avail_wrap = !r->avail_wrap;
		}
	}
	r->slots[id] = (uint16_t)count;
	__atomic_store_n(u16_at(d, r->desc + 16 * (uint64_t)head + 14), head_flags, __ATOMIC_RELEASE);
}

uint32_t drv_used_base(struct drv *d, enum vsock_queue which)
{
	return __atomic_load_n(u16_at(d, d->rings[which].device + 2), __ATOMIC_ACQUIRE);
}

void drv_add(struct drv *d, struct drv_ring *r, uint16_t id, const struct drv_piece *pieces, int count)
{
	struct drv_piece whole;
	bool table = r->indirect && count > 1;
	uint16_t head = (uint16_t)(id * r->stride);
	int i;

	if (table) {
		whole = indirect(d, r, id, pieces, count);
		pieces = &whole;
		count = 1;
	}
	must(count <= r->stride);
	if (r->packed) {
		add_packed(d, r, id, pieces, count, table);
		return;
	}
	for (i = 0; i < count; i++)
		put_desc(d, r->desc, (unsigned)(head + i), pieces[i].addr, pieces[i].len,
			 (uint16_t)((pieces[i].write ? 2 : 0) | (i + 1 < count ? 1 : 0) | (table ? 4 : 0)),
			 (uint16_t)(head + i + 1));
	*u16_at(d, r->driver + 4 + 2 * (uint64_t)(r->avail % r->size)) = head;
	r->avail++;
	__atomic_store_n(u16_at(d, r->driver + 2), r->avail, __ATOMIC_RELEASE);
}

void drv_kick(struct drv *d, struct drv_ring *r)
{
	uint16_t old = r->last_kick, new = r->avail, event, position, flags;
	bool wanted;
	uint64_t one = 1;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	r->last_kick = new;
	if (!r->packed) {
		event = *u16_at(d, r->device + 4 + 8 * (uint64_t)r->size);
		wanted = r->event_idx ? (uint16_t)(new - event - 1) < (uint16_t)(new - old)
				      : !(*u16_at(d, r->device) & 1);
	} else {
		flags = *u16_at(d, r->device + 2);
		position = *u16_at(d, r->device);
		event = position & 0x7fff;
		if (position >> 15 != r->avail_wrap)
			event -= r->size;
		if (old >= new)
			old -= r->size;
		wanted = flags == 0 || (flags == 2 && (uint16_t)(new - event - 1) < (uint16_t)(new - old));
	}
	if (wanted && write(r->kick, &one, 8) == 8)
		r->kicks++;
}

/* Asks to be told of the very next used chain. */
static void want_call(struct drv *d, struct drv_ring *r)
{
	uint64_t count;

	if (r->packed) {
		*u16_at(d, r->driver) = (uint16_t)(r->used | (r->used_wrap ? 0x8000 : 0));
		*u16_at(d, r->driver + 2) = r->event_idx ? 2 : 0;
	} else if (r->event_idx) {
		*u16_at(d, r->driver + 4 + 2 * (uint64_t)r->size) = r->used;
	}
	if (read(r->call, &count, 8) == 8)
		r->calls += count;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

bool drv_used(struct drv *d, struct drv_ring *r, uint16_t *id, uint32_t *len)
{
	uint8_t *p;
	uint32_t entry[2];
	uint16_t flags;

	if (!r->packed) {
		if (__atomic_load_n(u16_at(d, r->device + 2), __ATOMIC_ACQUIRE) == r->used) {
			want_call(d, r);
			return false;
		}
		memcpy(entry, d->memory + r->device + 4 + 8 * (uint64_t)(r->used % r->size), 8);
		r->used++;
		*id = (uint16_t)(entry[0] / r->stride);
		*len = entry[1];
		return true;
	}
	p = d->memory + r->desc + 16 * (uint64_t)r->used;
	flags = __atomic_load_n((uint16_t *)(void *)(p + 14), __ATOMIC_ACQUIRE);
	if (!!(flags & 1 << 7) != r->used_wrap || !!(flags & 1 << 15) != r->used_wrap) {
		want_call(d, r);
		return false;
	}
	memcpy(len, p + 8, 4);
	memcpy(id, p + 12, 2);
	must(*id < DRV_IDS);
	r->used += r->slots[*id];
	if (r->used >= r->size) {
		r->used -= r->size;
		r->used_wrap = !r->used_wrap;
	}
	return true;
}

void drv_give_rx(struct drv *d, uint16_t id)
{
	struct drv_ring *r = &d->rings[VSOCK_RX];
	struct drv_piece p[2] = { { d->rx_at[id], 20, true }, { d->rx_at[id] + 20, d->rx_size - 20, true } };

	if (r->stride == 2)
		drv_add(d, r, id, p, 2);
	else
		drv_add(d, r, id, &(struct drv_piece){ d->rx_at[id], d->rx_size, true }, 1);
}

/* --- packets ----------------------------------------------------------------------------------------------------- */

struct vsock_header drv_header(uint32_t guest_port, uint32_t host_port, uint16_t op)
{
	return (struct vsock_header){
		.src_cid = GUEST_CID,
		.dst_cid = VSOCK_CID_HOST,
		.src_port = guest_port,
		.dst_port = host_port,
		.type = VSOCK_STREAM,
		.op = op,
		.buf_alloc = 262144,
	};
}

static void collect_tx(struct drv *d)
{
	uint16_t id;
	uint32_t len;

	while (drv_used(d, &d->rings[VSOCK_TX], &id, &len))
		d->tx_busy[id] = false;
}

bool drv_packet_quiet(struct drv *d, const struct vsock_header *h, const void *payload)
{
	struct drv_piece p[3];
	uint16_t id;
	int n = 1;

	collect_tx(d);
	for (id = 0; id < d->tx_ids && d->tx_busy[id]; id++)
		;
	if (id == d->tx_ids)
		return false;
	d->tx_busy[id] = true;
	vsock_header_write(d->memory + d->tx_at[id], h);
	p[0] = (struct drv_piece){ d->tx_at[id], VSOCK_HEADER_SIZE, false };
	if (h->len > 0 && payload) {
		/* two pieces, so that the device has something to put together */
		uint32_t first = h->len > 100 ? 100 : h->len;

		memcpy(d->memory + d->tx_at[id] + 64, payload, h->len);
		p[n++] = (struct drv_piece){ d->tx_at[id] + 64, first, false };
		if (h->len > first)
			p[n++] = (struct drv_piece){ d->tx_at[id] + 64 + first, h->len - first, false };
	}
	drv_add(d, &d->rings[VSOCK_TX], id, p, n);
	return true;
}

bool drv_packet(struct drv *d, const struct vsock_header *h, const void *payload)
{
	if (!drv_packet_quiet(d, h, payload))
		return false;
	drv_kick(d, &d->rings[VSOCK_TX]);
	pump(d);
	collect_tx(d);
	return true;
}

bool drv_poll(struct drv *d, struct vsock_header *h, uint8_t *payload)
{
	struct drv_ring *r = &d->rings[VSOCK_RX];
	uint16_t id;
	uint32_t len;

	if (!drv_used(d, r, &id, &len))
		return false;
	must(id < d->rx_ids && len >= VSOCK_HEADER_SIZE && len <= d->rx_size);
	vsock_header_parse(d->memory + d->rx_at[id], h);
	must(h->len == len - VSOCK_HEADER_SIZE);
	if (payload)
		memcpy(payload, d->memory + d->rx_at[id] + VSOCK_HEADER_SIZE, h->len);
	if (d->lazy_rx) {
		d->rx_kept[d->rx_kept_count++] = id;
		return true;
	}
	drv_give_rx(d, id);
	drv_kick(d, r);
	return true;
}

bool drv_receive(struct drv *d, struct vsock_header *h, uint8_t *payload)
{
	if (drv_poll(d, h, payload))
		return true;
	pump(d);
	return drv_poll(d, h, payload);
}

/* --- host clients ------------------------------------------------------------------------------------------------ */

int host_connect(struct drv *d, const char *name, int type)
{
	struct sockaddr_un address;
	int fd;

	must(unixsock_address(&address, -1, d->dir, name) == 0);
	fd = unixsock_connect(&address, type);
	pump(d);
	return fd;
}

int host_listen(struct drv *d, const char *name, int type, int backlog)
{
	struct sockaddr_un address;
	int fd;

	must(unixsock_address(&address, -1, d->dir, name) == 0);
	fd = unixsock_listen(&address, type, backlog, NULL);
	must(fd >= 0);
	return fd;
}

size_t host_read(struct drv *d, int fd, void *data, size_t n)
{
	size_t done = 0;
	int idle = 0;

	while (done < n && idle < 3) {
		ssize_t r = recv(fd, (char *)data + done, n - done, MSG_DONTWAIT);

		if (r == 0)
			break;
		if (r > 0) {
			done += (size_t)r;
			idle = 0;
			continue;
		}
		pump(d);
		idle++;
	}
	return done;
}

bool host_eof(struct drv *d, int fd)
{
	char byte;

	pump(d);
	return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}
