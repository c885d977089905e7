#include <string.h>

#include "portfs_private.h"

size_t portfs_reply_begin(struct portfs *fs, uint8_t type, uint16_t tag)
{
	size_t at;

	fs->no_memory |= ninep_begin(&fs->out, type, tag, &at) < 0;
	return at;
}

void portfs_reply_add(struct portfs *fs, int added)
{
	fs->no_memory |= added < 0;
}

void portfs_reply_end(struct portfs *fs, size_t at)
{
	if (!fs->no_memory)
		ninep_end(&fs->out, at);
}

const char *portfs_reply_empty(struct portfs *fs, const struct ninep_request *q)
{
	portfs_reply_end(fs, portfs_reply_begin(fs, q->type + 1, q->tag));
	return NULL;
}

const char *portfs_reply_data(struct portfs *fs, const struct ninep_request *q, const struct buf *b, size_t from)
{
	size_t at, n = from < b->len ? b->len - from : 0;

	if (n > q->count)
		n = q->count;
	if (n > fs->msize - NINEP_READ_HEAD)
		n = fs->msize - NINEP_READ_HEAD;
	at = portfs_reply_begin(fs, q->type + 1, q->tag);
	portfs_reply_add(fs, ninep_add(&fs->out, n, 4));
	if (n > 0)
		portfs_reply_add(fs, buf_add(&fs->out, buf_bytes(b) + from, n));
	portfs_reply_end(fs, at);
	return NULL;
}

void portfs_answer_write(struct portfs *fs, uint16_t tag, size_t n)
{
	size_t at = portfs_reply_begin(fs, NINEP_WRITE + 1, tag);

	portfs_reply_add(fs, ninep_add(&fs->out, n, 4));
	portfs_reply_end(fs, at);
}

void portfs_reply_error(struct portfs *fs, uint16_t tag, const char *text)
{
	size_t at = portfs_reply_begin(fs, NINEP_ERROR + 1, tag);

	portfs_reply_add(fs, ninep_add_text(&fs->out, text, strlen(text)));
	portfs_reply_end(fs, at);
}
