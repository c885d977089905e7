/* Any bytes from a ttrpc peer, in pieces of any size: frames lie inside what was given, and the same frames come out
 * however the stream is cut. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ttrpc.h"
#include "ttrpc.pb-c.h"

static void frame_check(const struct ttrpc_frame *f, const uint8_t *data, size_t n)
{
	Ttrpc__Request *request;
	Ttrpc__Response *response;

	if (f->oversized) {
		assert(!f->data && f->length > TTRPC_DATA_MAX);
		return;
	}
	assert(f->data >= data && f->data + f->length <= data + n);
	request = ttrpc__request__unpack(NULL, f->length, f->data);
	if (request)
		ttrpc__request__free_unpacked(request, NULL);
	response = ttrpc__response__unpack(NULL, f->length, f->data);
	if (response)
		ttrpc__response__free_unpacked(response, NULL);
}

/* Feeds the stream in pieces of `step` bytes; returns how many frames came out. */
static size_t feed(const uint8_t *data, size_t size, size_t step)
{
	_cleanup_buf_ struct buf in = { 0 };
	struct ttrpc_reader r = { 0 };
	struct ttrpc_frame f;
	size_t frames = 0;
	bool complete;

	for (size_t at = 0; at < size; at += step) {
		if (buf_add(&in, data + at, size - at < step ? size - at : step) < 0)
			return 0;
		do {
			size_t used = ttrpc_next(&r, buf_bytes(&in), in.len, &f, &complete);

			assert(used <= in.len);
			if (complete) {
				frames++;
				frame_check(&f, buf_bytes(&in), in.len);
			}
			buf_consume(&in, used);
		} while (complete);
		assert(ttrpc_wanted(&r, buf_bytes(&in), in.len) > in.len);
	}
	return frames;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 65536)
		return 0;
	assert(feed(data, size, size ? size : 1) == feed(data, size, 3));
	return 0;
}
