/* Disks: ISO 9660 and FAT, probed and read. */
#include <stdlib.h>
#include <string.h>

#include "volume.h"

enum { MOST = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct medium m = medium_memory(data, n);
	struct volume v;
	struct buf out = { 0 };
	struct error err = { 0 };
	int r = volume_probe(&m, &v, &err);

	if (r < 0 && !err.msg)
		abort();
	error_clear(&err);
	if (r > 0) {
		if (strlen(v.label) >= sizeof(v.label))
			abort();
		r = volume_read(&m, &v, "user-data", MOST, &out, &err);
		if ((r < 0 && !err.msg) || out.len > MOST || (r <= 0 && out.len > 0))
			abort();
		error_clear(&err);
	}
	buf_free(&out);
	return 0;
}
