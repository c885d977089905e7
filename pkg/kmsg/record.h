/* A record of /dev/kmsg, as Documentation/ABI/testing/dev-kmsg of the kernel says: one read(2),
 *
 *   PRIORITY,NUMBER,MICROSECONDS,FLAGS[,...];MESSAGE\n[ KEY=VALUE\n]...
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "error.h"

struct kmsg_record {
	uint64_t number;
	uint64_t us;     /* since the boot, by the kernel's own clock, which stands while the machine sleeps */
	const char *msg; /* in the bytes that were parsed */
	size_t msg_len;
};

int record_parse(const char *bytes, size_t n, struct kmsg_record *out, struct error *err);
