/* The other side of the vsock device, for tests: a vhost-user front-end and a guest's driver in one, over real shared
 * memory, a real vhost-user connection and real Unix sockets. Nothing runs on its own: pump() lets the device work.
 * The driver kicks only when the device asks for it, so that a forgotten request for kicks shows as a test that hangs.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend.h"
#include "device.h"
#include "sockets.h"

enum { GUEST_CID = 3, DRV_MEMORY = 24 << 20, DRV_USER = 0x10000000, DRV_IDS = 1024 };

struct drv_ring {
	bool packed, event_idx, indirect;
	uint16_t size, stride; /* descriptors a chain may take */
	uint64_t desc, driver, device, tables;
	int kick, call;
	uint16_t avail, used; /* split: free-running; packed: slots */
	bool avail_wrap, used_wrap;
	uint16_t last_kick;
	uint16_t slots[DRV_IDS]; /* packed: ring entries of a chain */
	uint64_t kicks, calls;
};

struct drv {
	struct loop *loop;
	struct vsock_device *dev;
	struct sockets *sockets;
	struct backend *backend;
	char dir[64];
	char hybrid[96];
	int vhost; /* the front-end's end */
	int memfd;
	uint8_t *memory;
	uint64_t next; /* memory not given out yet */
	uint64_t features;
	struct drv_ring rings[VSOCK_QUEUES];
	uint32_t rx_size; /* of a receive buffer */
	uint16_t rx_ids, tx_ids;
	uint64_t rx_at[DRV_IDS], tx_at[DRV_IDS];
	bool tx_busy[DRV_IDS];
	bool lazy_rx; /* used receive buffers do not go back by themselves */
	uint16_t rx_kept[DRV_IDS], rx_kept_count;
};

struct drv_options {
	bool packed, event_idx, indirect, seqpacket;
	uint16_t ring_size; /* 0: 128 */
	uint32_t rx_size;   /* 0: 3776, about what Linux uses */
	bool slots;         /* memory by ADD_MEM_REG */
	bool rx_split;      /* each receive buffer in two pieces, the first shorter than a header */
};

/* Device, sockets and connection; no ring yet. */
void drv_open(struct drv *d, const char *ports);
void drv_close(struct drv *d);
/* The front-end goes and another one comes. */
void drv_reconnect(struct drv *d);
/* Everything up to running rings with receive buffers. Again for a guest that boots again. */
void drv_start(struct drv *d, const struct drv_options *o);
/* GET_VRING_BASE of both; then start anew where they were. */
void drv_stop(struct drv *d, uint32_t base[2]);
void drv_resume(struct drv *d, const uint32_t base[2]);

void pump(struct drv *d);

/* --- vhost-user --- */
void drv_send(struct drv *d, uint32_t request, uint32_t flags, const void *payload, uint32_t size, const int *fds,
	      size_t fd_count);
void drv_send_u64(struct drv *d, uint32_t request, uint64_t value);
void drv_send_state(struct drv *d, uint32_t request, uint32_t index, uint32_t num);
/* Payload of the next answer; its size, or -1 when the connection ended. fd may be NULL. */
int drv_reply(struct drv *d, void *payload, size_t size, int *fd);
uint64_t drv_ask_u64(struct drv *d, uint32_t request);
/* Sends the memory table: two regions that touch each other. */
void drv_memory(struct drv *d, bool slots);
void drv_ring_setup(struct drv *d, enum vsock_queue which, uint32_t base);
void drv_ring_alloc(struct drv *d, enum vsock_queue which, uint16_t size, uint16_t stride);
/* Where a front-end that has lost its device takes up a split ring: behind what was used. */
uint32_t drv_used_base(struct drv *d, enum vsock_queue which);
uint64_t drv_alloc(struct drv *d, size_t size, size_t align);
bool drv_connected(struct drv *d);

/* --- rings --- */
struct drv_piece {
	uint64_t addr;
	uint32_t len;
	bool write;
};
void drv_add(struct drv *d, struct drv_ring *r, uint16_t id, const struct drv_piece *pieces, int count);
/* Whether the device wants to hear of what was added since the last time, and the kick if so. */
void drv_kick(struct drv *d, struct drv_ring *r);
bool drv_used(struct drv *d, struct drv_ring *r, uint16_t *id, uint32_t *len);
void drv_give_rx(struct drv *d, uint16_t id);

/* --- packets --- */
struct vsock_header drv_header(uint32_t guest_port, uint32_t host_port, uint16_t op);
/* False: the ring is full. Pumps. */
bool drv_packet(struct drv *d, const struct vsock_header *h, const void *payload);
/* Without pumping or kicking. */
bool drv_packet_quiet(struct drv *d, const struct vsock_header *h, const void *payload);
/* The next packet from the device; pumps until there is one. False: none came. payload: 64 KiB. */
bool drv_receive(struct drv *d, struct vsock_header *h, uint8_t *payload);
/* As above, but only what is there. */
bool drv_poll(struct drv *d, struct vsock_header *h, uint8_t *payload);

/* --- host clients --- */
int host_connect(struct drv *d, const char *name, int type);
int host_listen(struct drv *d, const char *name, int type, int backlog);
/* Reads up to n bytes, pumping; fewer at the end of file or when nothing more comes. */
size_t host_read(struct drv *d, int fd, void *data, size_t n);
/* True: end of file (pumps). */
bool host_eof(struct drv *d, int fd);
