/* Records of /dev/kmsg: a message lies in the record. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct kmsg_record r;
	struct error err = { 0 };
	const char *bytes = (const char *)data;

	if (record_parse(bytes, n, &r, &err) < 0) {
		if (!err.msg)
			abort();
	} else if (r.msg < bytes || r.msg + r.msg_len > bytes + n || memchr(r.msg, '\n', r.msg_len)) {
		abort();
	}
	error_clear(&err);
	return 0;
}
