/* QEMU's control socket, in pieces: what is taken is terminated, and lines end somewhere. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "qmp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	_cleanup_buf_ struct buf received = { 0 };
	struct qmp_message m;
	size_t step;

	for (; n; data += step, n -= step) {
		int r;

		step = n < 64 ? n : 64;
		if (buf_add(&received, data, step) < 0)
			abort();
		while ((r = qmp_next(&received, &m, NULL)) > 0)
			if (!memchr(m.name, '\0', sizeof(m.name)) || !memchr(m.text, '\0', sizeof(m.text)))
				abort();
		if (received.len > QMP_LINE_MAX + 64)
			abort();
		if (r < 0)
			break;
	}
	return 0;
}
