/* What an update's header and a boot entry's name say: what is taken is written again as it was. The first byte
 * chooses.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "entry.h"
#include "update.h"

static void header(const uint8_t *data, size_t n)
{
	uint8_t bytes[UPDATE_HEADER] = { 0 }, again[UPDATE_HEADER];
	_cleanup_error_ struct error err = { 0 };
	struct update u, back;

	memcpy(bytes, data, n < sizeof(bytes) ? n : sizeof(bytes));
	if (update_parse(bytes, &u, &err) < 0) {
		if (!err.msg)
			abort();
		return;
	}
	update_format(&u, again);
	if (u.kernel.size == 0 || u.root.size == 0 || u.root.size % UPDATE_BLOCK ||
	    update_parse(again, &back, NULL) < 0 || memcmp(&u, &back, sizeof(u)) != 0)
		abort();
}

static void name(const uint8_t *data, size_t n)
{
	char text[FAT_NAME] = "", again[FAT_NAME];
	struct entry e, back;

	memcpy(text, data, n < sizeof(text) - 1 ? n : sizeof(text) - 1);
	if (!entry_parse(text, &e))
		return;
	entry_name(&e, again);
	if (!entry_parse(again, &back) || entry_compare(&e, &back) != 0 || e.good != back.good || e.left != back.left ||
	    e.done != back.done || e.slot != back.slot)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n == 0)
		return 0;
	if (data[0] == 'n')
		name(data + 1, n - 1);
	else
		header(data, n);
	return 0;
}
