/* Any bytes as JSON: everything that is found lies inside the text, and can be walked over. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "jsonr.h"

static size_t walk(const struct jsonr *v, const struct jsonr *whole)
{
	struct jsonr_iter it = jsonr_iter(v);
	struct jsonr key, value;
	_cleanup_free_ char *text = jsonr_text(v);
	uint64_t n;
	size_t count = 1;

	assert(v->start >= whole->start && v->start + v->len <= whole->start + whole->len && v->len > 0);
	assert(!text || jsonr_is(v, text));
	jsonr_u64(v, &n);
	if (v->type == JSONR_OBJECT)
		while (jsonr_member(&it, &key, &value)) {
			assert(key.type == JSONR_STRING);
			count += walk(&value, whole);
		}
	if (v->type == JSONR_ARRAY)
		while (jsonr_element(&it, &value))
			count += walk(&value, whole);
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* An exact copy on the heap, so that a byte too far is seen. */
	_cleanup_free_ char *text = malloc(size ? size : 1);
	struct jsonr v;
	const char *rest;

	if (!text || size > 4096)
		return 0;
	if (size)
		memcpy(text, data, size);
	if (jsonr_parse(text, size, &v, NULL) == 0) {
		walk(&v, &v);
		jsonr_get(&v, "a");
	}
	if (jsonr_parse_next(text, size, &v, &rest, NULL) == 1)
		assert(rest > text && rest <= text + size);
	return 0;
}
