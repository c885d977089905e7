/* What the files of the back-end share. Who calls whom:
 *
 *   backend.c  the connection: bytes and descriptors to whole messages
 *     -> requests.c  one message: answers, features, status
 *       -> memory.c  the guest's memory and the in-flight record
 *         -> rings.c  the three rings; their kicks lead to device_wake(), and the device's callbacks lead back here
 *
 * A ring has three states: stopped (no kick descriptor), started (SET_VRING_KICK; virtqueue_start() has checked it) and
 * running (started and enabled: the device has it). GET_VRING_BASE, a change of the memory that takes its own away, and
 * the end of the connection stop it; a ring that makes no sense stays started, and the device does not have it. */
#pragma once

#include "backend.h"

enum { INFLIGHT_QUEUE_MAX = 4096 };

struct vring {
	struct backend *backend;
	enum vsock_queue which;
	struct virtqueue vq;
	struct virtqueue_layout layout;
	struct loop_io kick; /* .fd -1: none */
	int call, err;
	bool enabled;
	/* where it was when it stopped, as long as that may still be the same ring */
	bool was;
	struct virtqueue_layout stopped;
};

struct backend {
	struct loop *loop;
	struct vsock_device *dev;
	struct loop_io listener; /* .fd -1: the connection was given */
	struct loop_io io;       /* the front-end; .fd -1: none */
	/* the message being received */
	uint8_t in[VHOST_USER_HEADER_SIZE + VHOST_USER_PAYLOAD_MAX];
	size_t in_len;
	int fds[VHOST_USER_FDS_MAX];
	size_t fd_count;
	struct vhost_user_message msg;
	/* negotiated */
	uint64_t features, protocol_features;
	uint8_t status;
	/* the front-end's memory and rings */
	struct guest_memory memory;
	struct vring rings[VSOCK_QUEUES];
	/* in-flight record */
	uint8_t *inflight;
	size_t inflight_len, inflight_stride;
	uint16_t inflight_queues, inflight_queue_size;
};

/* --- requests.c --------------------------------------------------------------------------------------------------- */

/* The whole message b->msg with its descriptors, of which it takes some over (-1 stands in b->fds then). -1: the
 * connection is of no use any more. */
int request_handle(struct backend *b, struct error *err);

/* --- memory.c ----------------------------------------------------------------------------------------------------- */

/* All regions anew, one descriptor each (which stay the caller's). */
int memory_set_table(struct backend *b, const struct vhost_user_message *m, const int *fds, struct error *err);
int memory_add(struct backend *b, const struct vhost_user_region *r, int fd, struct error *err);
int memory_remove(struct backend *b, const struct vhost_user_region *r, struct error *err);
void memory_clear(struct backend *b);
/* A fresh in-flight record; its descriptor, or -1. */
int memory_inflight_new(struct backend *b, const struct vhost_user_message *m, struct error *err);
int memory_inflight_set(struct backend *b, const struct vhost_user_message *m, int fd, struct error *err);
void memory_inflight_clear(struct backend *b);

/* --- rings.c ------------------------------------------------------------------------------------------------------ */

void rings_init(struct backend *b);
/* Stops all and closes their descriptors; forgets where they were. */
void rings_clear(struct backend *b);
/* After the memory table changed: rings whose memory is gone are broken. */
void rings_remap(struct backend *b);
/* The message is one of VRING's. The descriptor (or -1) is taken over. */
int rings_message(struct backend *b, const struct vhost_user_message *m, int fd, struct error *err);
/* Stops it and returns its base. asked: by the front-end, which then knows where it is; else it may find out from the
 * in-flight record. */
uint32_t ring_stop(struct vring *r, bool asked);
struct vring *ring_of(struct backend *b, uint32_t index, struct error *err);
