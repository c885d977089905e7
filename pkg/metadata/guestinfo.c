#include "guestinfo.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "encoding.h"
#include "str.h"

#define MAGIC 0x564d5868u
#define PORT  0x5658u
#define RPCI  0x49435052u /* the protocol's name */

enum {
	COMMAND_VERSION = 10,
	COMMAND_MESSAGE = 0x1e,
	/* of a message, in the upper half of cx */
	MESSAGE_OPEN = 0,
	MESSAGE_SEND_SIZE = 1,
	MESSAGE_SEND = 2,
	MESSAGE_RECEIVE_SIZE = 3,
	MESSAGE_RECEIVE = 4,
	MESSAGE_RECEIVE_STATUS = 5,
	MESSAGE_CLOSE = 6,
	/* of an answer, in the same place */
	STATUS_SUCCESS = 1,
	STATUS_RECEIVE = 2,
};

struct channel {
	backdoor_fn *door;
	void *data;
	uint32_t id; /* in the upper half */
	uint32_t cookie_high, cookie_low;
};

/* Returns the status. */
static uint32_t message_send(const struct channel *c, unsigned what, uint32_t value, struct backdoor_registers *r)
{
	*r = (struct backdoor_registers){ .ax = MAGIC,
					  .bx = value,
					  .cx = what << 16 | COMMAND_MESSAGE,
					  .dx = c->id | PORT,
					  .si = c->cookie_high,
					  .di = c->cookie_low };
	c->door(r, c->data);
	return r->cx >> 16;
}

bool guestinfo_there(backdoor_fn *door, void *data)
{
	struct backdoor_registers r = { .ax = MAGIC, .cx = COMMAND_VERSION, .dx = PORT };

	door(&r, data);
	return r.bx == MAGIC && r.ax != UINT32_MAX;
}

static int channel_open(struct channel *c, struct error *err)
{
	struct backdoor_registers r;

	if (!(message_send(c, MESSAGE_OPEN, RPCI | 0x80000000u, &r) & STATUS_SUCCESS))
		return error_set(err, 0, "the host opens no channel");
	c->id = r.dx & 0xffff0000u;
	c->cookie_high = r.si;
	c->cookie_low = r.di;
	return 0;
}

static void channel_close(const struct channel *c)
{
	struct backdoor_registers r;

	message_send(c, MESSAGE_CLOSE, 0, &r);
}

static int channel_send(const struct channel *c, const char *text, size_t n, struct error *err)
{
	struct backdoor_registers r;
	uint32_t status = message_send(c, MESSAGE_SEND_SIZE, (uint32_t)n, &r);

	for (size_t at = 0; at < n && (status & STATUS_SUCCESS); at += 4) {
		uint32_t four = 0;

		memcpy(&four, text + at, n - at < 4 ? n - at : 4);
		status = message_send(c, MESSAGE_SEND, four, &r);
	}
	return status & STATUS_SUCCESS ? 0 : error_set(err, 0, "the host takes no message");
}

static int channel_receive(const struct channel *c, struct buf *out, struct error *err)
{
	struct backdoor_registers r;
	uint32_t status = message_send(c, MESSAGE_RECEIVE_SIZE, 0, &r), size = r.bx;

	if ((status & (STATUS_SUCCESS | STATUS_RECEIVE)) != (STATUS_SUCCESS | STATUS_RECEIVE) ||
	    r.dx >> 16 != MESSAGE_SEND_SIZE)
		return error_set(err, 0, "the host has no answer");
	if (size > GUESTINFO_MAX)
		return error_say(err, EFBIG, "the value has more than %d bytes", GUESTINFO_MAX);
	for (uint32_t at = 0; at < size; at += 4) {
		if (!(message_send(c, MESSAGE_RECEIVE, STATUS_SUCCESS, &r) & STATUS_SUCCESS) ||
		    r.dx >> 16 != MESSAGE_SEND)
			return error_set(err, 0, "the host stops in the middle of its answer");
		if (buf_add(out, &r.bx, size - at < 4 ? size - at : 4) < 0)
			return error_set(err, ENOMEM, "the value");
	}
	status = message_send(c, MESSAGE_RECEIVE_STATUS, STATUS_SUCCESS, &r);
	return status & STATUS_SUCCESS ? 0 : error_set(err, 0, "the host does not end its answer");
}

int guestinfo_get(backdoor_fn *door, void *data, const char *key, struct buf *out, struct error *err)
{
	struct channel c = { .door = door, .data = data };
	_cleanup_buf_ struct buf answer = { 0 };
	char ask[128];
	int n = snprintf(ask, sizeof(ask), "info-get %s", key), r;

	if (n >= (int)sizeof(ask))
		return error_set(err, ENAMETOOLONG, "%s", key);
	if (channel_open(&c, err) < 0)
		return error_wrap(err, "%s", key);
	r = channel_send(&c, ask, (size_t)n, err) < 0 || channel_receive(&c, &answer, err) < 0 ? -1 : 0;
	channel_close(&c);
	if (r < 0)
		return error_wrap(err, "%s", key);
	if (answer.len < 2 || buf_bytes(&answer)[0] != '1' || buf_bytes(&answer)[1] != ' ')
		return 0;
	return buf_add(out, buf_bytes(&answer) + 2, answer.len - 2) < 0 ? error_set(err, ENOMEM, "%s", key) : 1;
}

/* What LinuxKit's package and cloud-init take for "nothing". */
static bool is_nothing(const struct buf *value)
{
	return value->len <= 1 || str_eq(buf_text(value), "---");
}

int guestinfo_get_decoded(backdoor_fn *door, void *data, const char *key, struct buf *out, struct error *err)
{
	_cleanup_buf_ struct buf value = { 0 }, name = { 0 }, packed = { 0 };
	_cleanup_free_ char *encoding_key = str_format("%s.encoding", key);
	int r = encoding_key ? guestinfo_get(door, data, key, &value, err) : error_set(err, ENOMEM, "%s", key);
	const char *encoding;

	if (r <= 0 || is_nothing(&value))
		return r < 0 ? -1 : 0;
	if (guestinfo_get(door, data, encoding_key, &name, err) < 0)
		return -1;
	while (name.len > 0 && strchr(" \r\n", buf_bytes(&name)[name.len - 1]))
		buf_truncate(&name, name.len - 1);
	encoding = buf_text(&name);
	if (!*encoding)
		r = buf_add(out, buf_bytes(&value), value.len) < 0 ? error_set(err, ENOMEM, "%s", key) : 0;
	else if (str_eq(encoding, "base64") || str_eq(encoding, "b64"))
		r = base64_decode(buf_text(&value), value.len, out, err);
	else if (str_eq(encoding, "gzip+base64") || str_eq(encoding, "gz+b64"))
		r = base64_decode(buf_text(&value), value.len, &packed, err) < 0
			? -1
			: gzip_unpack(buf_bytes(&packed), packed.len, GUESTINFO_MAX, out, err);
	else
		r = error_set(err, 0, "its encoding \"%.20s\" is not known", encoding);
	return r < 0 ? error_wrap(err, "%s", key) : 1;
}
