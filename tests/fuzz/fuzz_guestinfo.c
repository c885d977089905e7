/* What a VMware host answers through the backdoor: the input fills the registers. */
#include <stdlib.h>
#include <string.h>

#include "guestinfo.h"

struct host {
	const uint8_t *data;
	size_t n;
};

static void door(struct backdoor_registers *r, void *data)
{
	struct host *h = data;
	size_t part = h->n < sizeof(*r) ? h->n : sizeof(*r);

	if (part == 0)
		*r = (struct backdoor_registers){ 0 };
	memcpy(r, h->data, part);
	h->data += part;
	h->n -= part;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct host h = { data, n };
	struct buf out = { 0 };
	struct error err = { 0 };

	if (guestinfo_get_decoded(door, &h, "guestinfo.userdata", &out, &err) < 0 && !err.msg)
		abort();
	error_clear(&err);
	buf_free(&out);
	return 0;
}
