/* Any bytes as a user's daemon.json: what dockerd gets is JSON and has the machine's settings, or the error says why
 * not. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "jsonr.h"
#include "settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* An exact copy on the heap, so that a byte too far is seen. */
	_cleanup_free_ char *text = malloc(size ? size : 1);
	_cleanup_buf_ struct buf out = { 0 };
	_cleanup_error_ struct error err = { 0 };
	struct jsonr all;

	if (!text || size > 4096)
		return 0;
	if (size)
		memcpy(text, data, size);
	if (settings_merge(text, size, NULL, "/proxy", &out, &err) < 0) {
		assert(err.msg);
		return 0;
	}
	assert(jsonr_parse(buf_text(&out), out.len, &all, NULL) == 0);
	assert(jsonr_get(&all, "hosts").type == JSONR_ARRAY);
	assert(jsonr_get(&all, "containerd").type != JSONR_NONE);
	return 0;
}
