/* Messages of the vhost-user protocol, back-end's side. QEMU's documentation, "Vhost-user Protocol":
 * https://www.qemu.org/docs/master/interop/vhost-user.html
 *
 * A message is a header of 12 bytes, a payload whose size the header tells, and file descriptors beside it. Numbers are
 * in the machine's own byte order. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "error.h"

enum vhost_user_request {
	VHOST_USER_GET_FEATURES = 1,
	VHOST_USER_SET_FEATURES = 2,
	VHOST_USER_SET_OWNER = 3,
	VHOST_USER_RESET_OWNER = 4,
	VHOST_USER_SET_MEM_TABLE = 5,
	VHOST_USER_SET_VRING_NUM = 8,
	VHOST_USER_SET_VRING_ADDR = 9,
	VHOST_USER_SET_VRING_BASE = 10,
	VHOST_USER_GET_VRING_BASE = 11,
	VHOST_USER_SET_VRING_KICK = 12,
	VHOST_USER_SET_VRING_CALL = 13,
	VHOST_USER_SET_VRING_ERR = 14,
	VHOST_USER_GET_PROTOCOL_FEATURES = 15,
	VHOST_USER_SET_PROTOCOL_FEATURES = 16,
	VHOST_USER_GET_QUEUE_NUM = 17,
	VHOST_USER_SET_VRING_ENABLE = 18,
	VHOST_USER_GET_CONFIG = 24,
	VHOST_USER_SET_CONFIG = 25,
	VHOST_USER_GET_INFLIGHT_FD = 31,
	VHOST_USER_SET_INFLIGHT_FD = 32,
	VHOST_USER_RESET_DEVICE = 34,
	VHOST_USER_GET_MAX_MEM_SLOTS = 36,
	VHOST_USER_ADD_MEM_REG = 37,
	VHOST_USER_REM_MEM_REG = 38,
	VHOST_USER_SET_STATUS = 39,
	VHOST_USER_GET_STATUS = 40,
	VHOST_USER_REQUESTS,
};

#define VHOST_USER_F_PROTOCOL_FEATURES (UINT64_C(1) << 30)

#define VHOST_USER_PROTOCOL_F_MQ                  (UINT64_C(1) << 0)
#define VHOST_USER_PROTOCOL_F_REPLY_ACK           (UINT64_C(1) << 3)
#define VHOST_USER_PROTOCOL_F_CONFIG              (UINT64_C(1) << 9)
#define VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD      (UINT64_C(1) << 12)
#define VHOST_USER_PROTOCOL_F_RESET_DEVICE        (UINT64_C(1) << 13)
#define VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS (UINT64_C(1) << 15)
#define VHOST_USER_PROTOCOL_F_STATUS              (UINT64_C(1) << 16)

enum {
	VHOST_USER_HEADER_SIZE = 12,
	VHOST_USER_PAYLOAD_MAX = 512,
	VHOST_USER_FDS_MAX = 8,
	VHOST_USER_TABLE_MAX = 8, /* regions of SET_MEM_TABLE */
	VHOST_USER_CONFIG_MAX = 256,
};

struct vhost_user_region {
	uint64_t guest, size, user, offset;
};

struct vhost_user_message {
	uint32_t request;
	bool need_reply;
	uint32_t size; /* of the payload */
	union {
		uint64_t u64;
		struct {
			uint32_t index; /* of the queue */
			uint32_t num;
		} state;
		struct {
			uint32_t index, flags;
			uint64_t desc, used, avail, log;
		} addr;
		struct {
			uint32_t queue;
			bool no_fd;
		} vring_fd;
		struct {
			uint32_t count;
			struct vhost_user_region regions[VHOST_USER_TABLE_MAX];
		} table;
		struct vhost_user_region region;
		struct {
			uint32_t offset, size, flags;
			uint8_t data[VHOST_USER_CONFIG_MAX];
		} config;
		struct {
			uint64_t size, offset;
			uint16_t queues, queue_size;
		} inflight;
	};
};

/* Header first: it tells in m->size how many bytes of payload follow (at most VHOST_USER_PAYLOAD_MAX).
 * Refuses another version, a reply, and a payload too large. Unknown requests parse, with their payload ignored. */
int vhost_user_parse_header(const uint8_t bytes[VHOST_USER_HEADER_SIZE], struct vhost_user_message *m,
			    struct error *err);
/* The payload, m->size bytes, and the number of descriptors that came along: refused unless they are what this
 * request has. Queue numbers are not judged here. */
int vhost_user_parse_payload(struct vhost_user_message *m, const uint8_t *bytes, size_t fds, struct error *err);
/* "SET_MEM_TABLE"; NULL for a request that this back-end does not know. */
const char *vhost_user_request_name(uint32_t request);

/* Append a whole reply. */
int vhost_user_reply_u64(struct buf *b, uint32_t request, uint64_t value);
int vhost_user_reply_state(struct buf *b, uint32_t request, uint32_t index, uint32_t num);
/* size 0: the front-end's request was out of range. */
int vhost_user_reply_config(struct buf *b, uint32_t offset, uint32_t size, uint32_t flags, const uint8_t *data);
/* As long as the request, which some front-ends pad. */
int vhost_user_reply_inflight(struct buf *b, const struct vhost_user_message *request, uint64_t size, uint64_t offset);
