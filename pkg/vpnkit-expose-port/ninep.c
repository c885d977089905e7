#include "ninep.h"

#include <errno.h>
#include <string.h>

#include "str.h"

enum {
	HEAD = 7,
	QID = 13,
	STAT_FIXED = 2 + 4 + QID + 4 + 4 + 4 + 8, /* of a stat behind its size, in front of its texts */
	STAT_TEXTS = 4,
};

/* What is left of a message. Once something is missing, everything reads as nothing. */
struct cursor {
	const uint8_t *at;
	size_t left;
	bool broken;
};

static const uint8_t *cursor_take(struct cursor *c, size_t n)
{
	const uint8_t *at = c->at;

	if (c->broken || n > c->left) {
		c->broken = true;
		return NULL;
	}
	c->at += n;
	c->left -= n;
	return at;
}

static uint64_t cursor_number(struct cursor *c, unsigned bytes)
{
	const uint8_t *p = cursor_take(c, bytes);
	uint64_t v = 0;

	while (p && bytes-- > 0)
		v = v << 8 | p[bytes];
	return v;
}

static uint32_t cursor_u32(struct cursor *c)
{
	return (uint32_t)cursor_number(c, 4);
}

static struct ninep_text cursor_text(struct cursor *c)
{
	struct ninep_text t = { .len = (size_t)cursor_number(c, 2) };

	t.at = (const char *)cursor_take(c, t.len);
	if (!t.at)
		t.len = 0;
	return t;
}

/* --- requests ------------------------------------------------------------------------------------------------------
 */

static void walk_parse(struct cursor *c, struct ninep_request *out)
{
	out->other = cursor_u32(c);
	out->count = (uint32_t)cursor_number(c, 2);
	if (out->count > NINEP_NAMES) {
		c->broken = true;
		out->count = 0;
	}
	for (uint32_t i = 0; i < out->count; i++)
		out->names[i] = cursor_text(c);
}

static void write_parse(struct cursor *c, struct ninep_request *out)
{
	out->offset = cursor_number(c, 8);
	out->count = cursor_u32(c);
	out->data = cursor_take(c, out->count);
}

/* A field whose bits are all set stays as it is, a text that is empty likewise. */
static void wstat_parse(struct cursor *c, struct ninep_request *out)
{
	const uint8_t *fixed;

	cursor_number(c, 2); /* of the stat and its size, */
	cursor_number(c, 2); /* of the stat: what counts is what is there */
	fixed = cursor_take(c, STAT_FIXED);
	for (size_t i = 0; fixed && i < STAT_FIXED; i++)
		out->touches |= fixed[i] != 0xff;
	out->name = cursor_text(c);
	out->touches |= out->name.len > 0;
	for (int i = 1; i < STAT_TEXTS; i++)
		out->touches |= cursor_text(c).len > 0;
}

static void attach_parse(struct cursor *c)
{
	cursor_u32(c);  /* the fid of an authentication, which there is none of */
	cursor_text(c); /* who it is: whoever has the connection */
	cursor_text(c); /* what of: there is one tree */
}

static void body_parse(struct cursor *c, struct ninep_request *out)
{
	if (out->type == NINEP_VERSION) {
		out->other = cursor_u32(c);
		out->name = cursor_text(c);
		return;
	}
	if (out->type == NINEP_FLUSH) {
		out->other = (uint32_t)cursor_number(c, 2);
		return;
	}
	out->fid = cursor_u32(c);
	switch (out->type) {
	case NINEP_AUTH:
		cursor_text(c);
		cursor_text(c);
		break;
	case NINEP_ATTACH:
		attach_parse(c);
		break;
	case NINEP_WALK:
		walk_parse(c, out);
		break;
	case NINEP_OPEN:
		out->mode = (uint8_t)cursor_number(c, 1);
		break;
	case NINEP_CREATE:
		out->name = cursor_text(c);
		out->other = cursor_u32(c);
		out->mode = (uint8_t)cursor_number(c, 1);
		break;
	case NINEP_READ:
		out->offset = cursor_number(c, 8);
		out->count = cursor_u32(c);
		break;
	case NINEP_WRITE:
		write_parse(c, out);
		break;
	case NINEP_WSTAT:
		wstat_parse(c, out);
		break;
	default:
		break;
	}
}

static bool type_known(uint8_t type)
{
	return type >= NINEP_VERSION && type <= NINEP_WSTAT && type % 2 == 0 && type != NINEP_ERROR;
}

int ninep_parse(const uint8_t *bytes, size_t n, struct ninep_request *out, size_t *used, struct error *err)
{
	struct cursor c = { .at = bytes, .left = n };
	uint32_t size;

	if (n < HEAD)
		return 0;
	*out = (struct ninep_request){ 0 };
	size = cursor_u32(&c);
	out->type = (uint8_t)cursor_number(&c, 1);
	out->tag = (uint16_t)cursor_number(&c, 2);
	if (size < HEAD || size > NINEP_MSIZE)
		return error_set(err, EPROTO, "9P: a message of %u bytes", size);
	if (n < size)
		return 0;
	c.left = size - HEAD;
	*used = size;
	out->known = type_known(out->type);
	if (out->known)
		body_parse(&c, out);
	if (c.broken)
		return error_set(err, EPROTO, "9P: a message of type %u is cut short", out->type);
	return 1;
}

/* --- answers ------------------------------------------------------------------------------------------------------ */

int ninep_add(struct buf *out, uint64_t value, unsigned bytes)
{
	uint8_t b[8];

	for (unsigned i = 0; i < bytes; i++)
		b[i] = (uint8_t)(value >> (8 * i));
	return buf_add(out, b, bytes);
}

int ninep_begin(struct buf *out, uint8_t type, uint16_t tag, size_t *at)
{
	*at = out->len;
	return ninep_add(out, 0, 4) < 0 || ninep_add(out, type, 1) < 0 || ninep_add(out, tag, 2) < 0 ? -1 : 0;
}

void ninep_end(struct buf *out, size_t at)
{
	uint8_t *p = buf_bytes(out) + at;
	size_t size = out->len - at;

	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(size >> (8 * i));
}

int ninep_add_text(struct buf *out, const char *text, size_t n)
{
	return ninep_add(out, n, 2) < 0 || buf_add(out, text, n) < 0 ? -1 : 0;
}

int ninep_add_qid(struct buf *out, const struct ninep_qid *q)
{
	return ninep_add(out, q->type, 1) < 0 || ninep_add(out, 0, 4) < 0 || ninep_add(out, q->path, 8) < 0 ? -1 : 0;
}

int ninep_add_stat(struct buf *out, const struct ninep_stat *s)
{
	static const char owner[] = "root";
	size_t name = strlen(s->name), who = strlen(owner);
	int r = ninep_add(out, STAT_FIXED + 2 * STAT_TEXTS + name + 3 * who, 2);

	r |= ninep_add(out, 0, 2 + 4); /* of which server and device */
	r |= ninep_add_qid(out, &s->qid);
	r |= ninep_add(out, s->mode, 4);
	r |= ninep_add(out, 0, 4 + 4); /* times: nobody keeps them */
	r |= ninep_add(out, s->length, 8);
	r |= ninep_add_text(out, s->name, name);
	for (int i = 1; i < STAT_TEXTS; i++)
		r |= ninep_add_text(out, owner, who);
	return r;
}
