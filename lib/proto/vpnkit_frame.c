#include "vpnkit_frame.h"

#include <errno.h>
#include <string.h>

#include "vpnkit_bytes_private.h"

enum {
	COMMON = 7, /* length, command, channel */
	MULTIPLEXED = 2,
	HELLO = sizeof(VPNKIT_MAGIC) - 1,
};

/* What a hello of ours carries. VPNKit's programs do not look at it. */
static const char hello_payload[] = "dedicated";

/* --- frames ------------------------------------------------------------------------------------------------------ */

static int open_parse(const uint8_t *p, size_t n, struct vpnkit_frame *out, struct error *err)
{
	size_t used = 0;
	int r;

	if (n < 1)
		return error_set(err, 0, "frame: Open is too short");
	if (p[0] != VPNKIT_DEDICATED && p[0] != MULTIPLEXED)
		return error_set(err, 0, "frame: Open for connection type %u", p[0]);
	out->dedicated = p[0] == VPNKIT_DEDICATED;
	r = vpnkit_destination_parse(p + 1, n - 1, &out->to, &used, err);
	if (r < 0)
		return error_wrap(err, "frame: Open");
	if (r == 0 || used != n - 1)
		return error_set(err, 0, "frame: Open of the wrong length");
	return 0;
}

/* The rest behind the common part, of which every byte is there. */
static int rest_parse(const uint8_t *p, size_t n, struct vpnkit_frame *out, struct error *err)
{
	static const uint8_t lengths[] = { [VPNKIT_DATA] = 4, [VPNKIT_WINDOW] = 8 };

	if (out->command == VPNKIT_OPEN)
		return open_parse(p, n, out, err);
	if (n != lengths[out->command])
		return error_set(err, 0, "frame: command %d with a header of %zu bytes", (int)out->command, n + COMMON);
	if (out->command == VPNKIT_DATA)
		out->payload = get32(p);
	else if (out->command == VPNKIT_WINDOW)
		out->window = get64(p);
	return 0;
}

int vpnkit_frame_parse(const void *bytes, size_t n, struct vpnkit_frame *out, size_t *used, struct error *err)
{
	const uint8_t *p = bytes;
	uint16_t len;

	if (n < 2)
		return 0;
	len = get16(p);
	if (len < COMMON || len > VPNKIT_HEADER)
		return error_set(err, 0, "frame: a header of %u bytes", len);
	if (n > 2 && (p[2] < VPNKIT_OPEN || p[2] > VPNKIT_WINDOW))
		return error_set(err, 0, "frame: no command has number %u", p[2]);
	if (n < len)
		return 0;
	out->command = p[2];
	out->id = get32(p + 3);
	if (rest_parse(p + COMMON, len - COMMON, out, err) < 0)
		return -1;
	*used = len;
	return 1;
}

static int open_add(struct buf *b, const struct vpnkit_frame *f)
{
	size_t before = b->len;
	uint8_t *p = buf_reserve(b, COMMON + 1);

	if (!p)
		return -1;
	p[2] = VPNKIT_OPEN;
	put32(p + 3, f->id);
	p[COMMON] = f->dedicated ? VPNKIT_DEDICATED : MULTIPLEXED;
	buf_commit(b, COMMON + 1);
	if (vpnkit_destination_add(b, &f->to) < 0) {
		buf_truncate(b, before);
		return -1;
	}
	put16(buf_bytes(b) + before, (uint16_t)(b->len - before));
	return 0;
}

void vpnkit_data_header(uint8_t *out, uint32_t id, uint32_t payload)
{
	put16(out, VPNKIT_DATA_HEADER);
	out[2] = VPNKIT_DATA;
	put32(out + 3, id);
	put32(out + COMMON, payload);
}

int vpnkit_frame_add(struct buf *b, const struct vpnkit_frame *f)
{
	size_t len = COMMON;
	uint8_t *p;

	if (f->command == VPNKIT_OPEN)
		return open_add(b, f);
	p = buf_reserve(b, COMMON + 8);
	if (!p)
		return -1;
	if (f->command == VPNKIT_DATA) {
		put32(p + COMMON, f->payload);
		len += 4;
	} else if (f->command == VPNKIT_WINDOW) {
		put64(p + COMMON, f->window);
		len += 8;
	}
	put16(p, (uint16_t)len);
	p[2] = (uint8_t)f->command;
	put32(p + 3, f->id);
	buf_commit(b, len);
	return 0;
}

/* --- the beginning ----------------------------------------------------------------------------------------------- */

int vpnkit_detect(const void *bytes, size_t n, enum vpnkit_generation *out)
{
	const uint8_t *p = bytes;
	size_t known = n < 3 ? n : 3;

	if (n == 0)
		return 0;
	if (memcmp(p, VPNKIT_MAGIC, known) == 0) {
		*out = VPNKIT_HANDSHAKE;
		return known == 3 ? 1 : 0;
	}
	if (n < 3)
		return 0;
	/* The length of an address has a zero where a frame has its command. A path's may be one, but is no frame then:
	 * that would be an Open of a header of 3 bytes and more than 255, longer than what a path of ours takes. */
	if ((p[0] == VPNKIT_TCP || p[0] == VPNKIT_UDP) && (get16(p + 1) == 4 || get16(p + 1) == 16))
		*out = VPNKIT_DEDICATED;
	else if (p[0] == VPNKIT_UNIX && get16(p + 1) > 0 && get16(p + 1) < 256)
		*out = VPNKIT_DEDICATED;
	else if (get16(p) >= COMMON && get16(p) <= VPNKIT_HEADER && p[2] >= VPNKIT_OPEN && p[2] <= VPNKIT_WINDOW)
		*out = VPNKIT_MULTIPLEXED;
	else
		return -1;
	return 1;
}

int vpnkit_hello_add(struct buf *b)
{
	uint8_t *p = buf_reserve(b, HELLO + 2 + sizeof(hello_payload) - 1);

	if (!p)
		return -1;
	memcpy(p, VPNKIT_MAGIC, HELLO);
	put16(p + HELLO, sizeof(hello_payload) - 1);
	memcpy(p + HELLO + 2, hello_payload, sizeof(hello_payload) - 1);
	buf_commit(b, HELLO + 2 + sizeof(hello_payload) - 1);
	return 0;
}

int vpnkit_hello_parse(const void *bytes, size_t n, bool *dedicated, size_t *used, struct error *err)
{
	const uint8_t *p = bytes;
	size_t len, known = n < HELLO ? n : HELLO;

	if (memcmp(p, VPNKIT_MAGIC, known) != 0)
		return error_set(err, 0, "the peer does not begin as a multiplexer of VPNKit does");
	if (n < HELLO + 2)
		return 0;
	len = get16(p + HELLO);
	if (len > VPNKIT_HEADER)
		return error_set(err, 0, "hello: %zu bytes are too many", len);
	if (n < HELLO + 2 + len)
		return 0;
	*dedicated = len == sizeof(hello_payload) - 1 && memcmp(p + HELLO + 2, hello_payload, len) == 0;
	*used = HELLO + 2 + len;
	return 1;
}
