#include "vhost_user.h"

#include <errno.h>
#include <string.h>

enum { FLAG_VERSION = 1, FLAG_VERSION_MASK = 3, FLAG_REPLY = 4, FLAG_NEED_REPLY = 8, VRING_NO_FD = 0x100 };
enum { REGION_BYTES = 32, CONFIG_HEADER = 12, INFLIGHT_BYTES = 20, INFLIGHT_PADDED = 24, INFLIGHT_PREFIX = 16 };

enum payload { NOTHING, U64, STATE, ADDR, TABLE, REGION, CONFIG, INFLIGHT, VRING_FD };

static const struct request {
	const char *name;
	enum payload payload;
	uint8_t fds_min, fds_max;
} requests[VHOST_USER_REQUESTS] = {
	[VHOST_USER_GET_FEATURES] = { "GET_FEATURES", NOTHING },
	[VHOST_USER_SET_FEATURES] = { "SET_FEATURES", U64 },
	[VHOST_USER_SET_OWNER] = { "SET_OWNER", NOTHING },
	[VHOST_USER_RESET_OWNER] = { "RESET_OWNER", NOTHING },
	[VHOST_USER_SET_MEM_TABLE] = { "SET_MEM_TABLE", TABLE, 0, VHOST_USER_TABLE_MAX },
	[VHOST_USER_SET_VRING_NUM] = { "SET_VRING_NUM", STATE },
	[VHOST_USER_SET_VRING_ADDR] = { "SET_VRING_ADDR", ADDR },
	[VHOST_USER_SET_VRING_BASE] = { "SET_VRING_BASE", STATE },
	[VHOST_USER_GET_VRING_BASE] = { "GET_VRING_BASE", STATE },
	[VHOST_USER_SET_VRING_KICK] = { "SET_VRING_KICK", VRING_FD, 0, 1 },
	[VHOST_USER_SET_VRING_CALL] = { "SET_VRING_CALL", VRING_FD, 0, 1 },
	[VHOST_USER_SET_VRING_ERR] = { "SET_VRING_ERR", VRING_FD, 0, 1 },
	[VHOST_USER_GET_PROTOCOL_FEATURES] = { "GET_PROTOCOL_FEATURES", NOTHING },
	[VHOST_USER_SET_PROTOCOL_FEATURES] = { "SET_PROTOCOL_FEATURES", U64 },
	[VHOST_USER_GET_QUEUE_NUM] = { "GET_QUEUE_NUM", NOTHING },
	[VHOST_USER_SET_VRING_ENABLE] = { "SET_VRING_ENABLE", STATE },
	[VHOST_USER_GET_CONFIG] = { "GET_CONFIG", CONFIG },
	[VHOST_USER_SET_CONFIG] = { "SET_CONFIG", CONFIG },
	[VHOST_USER_GET_INFLIGHT_FD] = { "GET_INFLIGHT_FD", INFLIGHT },
	[VHOST_USER_SET_INFLIGHT_FD] = { "SET_INFLIGHT_FD", INFLIGHT, 1, 1 },
	[VHOST_USER_RESET_DEVICE] = { "RESET_DEVICE", NOTHING },
	[VHOST_USER_GET_MAX_MEM_SLOTS] = { "GET_MAX_MEM_SLOTS", NOTHING },
	[VHOST_USER_ADD_MEM_REG] = { "ADD_MEM_REG", REGION, 1, 1 },
	/* Some front-ends send the descriptor again. */
	[VHOST_USER_REM_MEM_REG] = { "REM_MEM_REG", REGION, 0, 1 },
	[VHOST_USER_SET_STATUS] = { "SET_STATUS", U64 },
	[VHOST_USER_GET_STATUS] = { "GET_STATUS", NOTHING },
};

const char *vhost_user_request_name(uint32_t request)
{
	return request < VHOST_USER_REQUESTS ? requests[request].name : NULL;
}

/* --- in ---------------------------------------------------------------------------------------------------------- */

static uint64_t u64_get(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint32_t u32_get(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint16_t u16_get(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

int vhost_user_parse_header(const uint8_t bytes[VHOST_USER_HEADER_SIZE], struct vhost_user_message *m,
			    struct error *err)
{
	uint32_t flags = u32_get(bytes + 4);

	memset(m, 0, sizeof(*m));
	m->request = u32_get(bytes);
	m->need_reply = flags & FLAG_NEED_REPLY;
	m->size = u32_get(bytes + 8);
	if ((flags & FLAG_VERSION_MASK) != FLAG_VERSION || flags & FLAG_REPLY)
		return error_set(err, EPROTO, "vhost-user request %u: flags 0x%x", m->request, flags);
	if (m->size > VHOST_USER_PAYLOAD_MAX)
		return error_set(err, EMSGSIZE, "vhost-user request %u: payload of %u bytes", m->request, m->size);
	return 0;
}

static void get_region(const uint8_t *p, struct vhost_user_region *r)
{
	*r = (struct vhost_user_region){ u64_get(p), u64_get(p + 8), u64_get(p + 16), u64_get(p + 24) };
}

/* 0, or -1 when the size is another than the payload has. */
static int parse_table(struct vhost_user_message *m, const uint8_t *p)
{
	uint32_t i;

	if (m->size < 8)
		return -1;
	m->table.count = u32_get(p);
	if (m->table.count > VHOST_USER_TABLE_MAX || m->size < 8 + m->table.count * REGION_BYTES)
		return -1;
	for (i = 0; i < m->table.count; i++)
		get_region(p + 8 + (size_t)i * REGION_BYTES, &m->table.regions[i]);
	return 0;
}

static int parse_config(struct vhost_user_message *m, const uint8_t *p)
{
	if (m->size < CONFIG_HEADER)
		return -1;
	m->config.offset = u32_get(p);
	m->config.size = u32_get(p + 4);
	m->config.flags = u32_get(p + 8);
	if (m->config.size > VHOST_USER_CONFIG_MAX || m->size != CONFIG_HEADER + m->config.size)
		return -1;
	memcpy(m->config.data, p + CONFIG_HEADER, m->config.size);
	return 0;
}

static int parse_by_kind(struct vhost_user_message *m, enum payload kind, const uint8_t *p)
{
	switch (kind) {
	case NOTHING:
		return m->size == 0 ? 0 : -1;
	case U64:
		if (m->size != 8)
			return -1;
		m->u64 = u64_get(p);
		return 0;
	case STATE:
		if (m->size != 8)
			return -1;
		m->state.index = u32_get(p);
		m->state.num = u32_get(p + 4);
		return 0;
	case ADDR:
		if (m->size != 40)
			return -1;
		m->addr.index = u32_get(p);
		m->addr.flags = u32_get(p + 4);
		m->addr.desc = u64_get(p + 8);
		m->addr.used = u64_get(p + 16);
		m->addr.avail = u64_get(p + 24);
		m->addr.log = u64_get(p + 32);
		return 0;
	case TABLE:
		return parse_table(m, p);
	case REGION:
		if (m->size != 8 + REGION_BYTES)
			return -1;
		get_region(p + 8, &m->region);
		return 0;
	case CONFIG:
		return parse_config(m, p);
	case INFLIGHT: /* with or without padding at its end */
		if (m->size != INFLIGHT_BYTES && m->size != INFLIGHT_PADDED)
			return -1;
		m->inflight.size = u64_get(p);
		m->inflight.offset = u64_get(p + 8);
		m->inflight.queues = u16_get(p + INFLIGHT_PREFIX);
		m->inflight.queue_size = u16_get(p + INFLIGHT_PREFIX + 2);
		return 0;
	case VRING_FD:
		if (m->size != 8)
			return -1;
		m->vring_fd.queue = (uint32_t)(u64_get(p) & 0xff);
		m->vring_fd.no_fd = u64_get(p) & VRING_NO_FD;
		return 0;
	}
	return -1;
}

int vhost_user_parse_payload(struct vhost_user_message *m, const uint8_t *bytes, size_t fds, struct error *err)
{
	const char *name = vhost_user_request_name(m->request);
	const struct request *r;
	size_t min, max;

	if (!name)
		return 0;
	r = &requests[m->request];
	if (parse_by_kind(m, r->payload, bytes) < 0)
		return error_set(err, EPROTO, "vhost-user %s: payload of %u bytes", name, m->size);
	min = r->fds_min;
	max = r->fds_max;
	if (r->payload == TABLE)
		min = max = m->table.count;
	else if (r->payload == VRING_FD)
		min = max = m->vring_fd.no_fd ? 0 : 1;
	if (fds < min || fds > max)
		return error_set(err, EPROTO, "vhost-user %s: %zu descriptors", name, fds);
	return 0;
}

/* --- out --------------------------------------------------------------------------------------------------------- */

static int vhost_user_reply(struct buf *b, uint32_t request, const void *payload, uint32_t size)
{
	uint32_t header[3] = { request, FLAG_VERSION | FLAG_REPLY, size };

	return buf_add(b, header, sizeof(header)) < 0 || buf_add(b, payload, size) < 0 ? -1 : 0;
}

int vhost_user_reply_u64(struct buf *b, uint32_t request, uint64_t value)
{
	return vhost_user_reply(b, request, &value, sizeof(value));
}

int vhost_user_reply_state(struct buf *b, uint32_t request, uint32_t index, uint32_t num)
{
	uint32_t state[2] = { index, num };

	return vhost_user_reply(b, request, state, sizeof(state));
}

int vhost_user_reply_config(struct buf *b, uint32_t offset, uint32_t size, uint32_t flags, const uint8_t *data)
{
	uint8_t payload[CONFIG_HEADER + VHOST_USER_CONFIG_MAX];
	uint32_t head[3] = { offset, size, flags };

	if (size == 0)
		return vhost_user_reply(b, VHOST_USER_GET_CONFIG, NULL, 0);
	memcpy(payload, head, sizeof(head));
	memcpy(payload + CONFIG_HEADER, data, size);
	return vhost_user_reply(b, VHOST_USER_GET_CONFIG, payload, CONFIG_HEADER + size);
}

int vhost_user_reply_inflight(struct buf *b, const struct vhost_user_message *request, uint64_t size, uint64_t offset)
{
	uint8_t payload[INFLIGHT_PADDED] = { 0 };
	uint64_t head[2] = { size, offset };
	uint16_t tail[2] = { request->inflight.queues, request->inflight.queue_size };

	memcpy(payload, head, sizeof(head));
	memcpy(payload + INFLIGHT_PREFIX, tail, sizeof(tail));
	return vhost_user_reply(b, VHOST_USER_GET_INFLIGHT_FD, payload, request->size);
}
