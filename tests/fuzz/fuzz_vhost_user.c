/* A front-end's byte stream: headers and payloads one after another, each with some number of descriptors. */
#include <string.h>

#include "vhost_user.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vhost_user_message m;

	while (size >= VHOST_USER_HEADER_SIZE + 1) {
		size_t fds = data[0] % 12;
		uint8_t payload[VHOST_USER_PAYLOAD_MAX];

		data++;
		size--;
		if (vhost_user_parse_header(data, &m, NULL) < 0)
			return 0;
		data += VHOST_USER_HEADER_SIZE;
		size -= VHOST_USER_HEADER_SIZE;
		if (m.size > size)
			return 0;
		memcpy(payload, data, m.size); /* exactly as long, so that reading on is seen */
		vhost_user_parse_payload(&m, payload, fds, NULL);
		data += m.size;
		size -= m.size;
	}
	return 0;
}
