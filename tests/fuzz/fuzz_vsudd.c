/* vsudd's options: any text as a port, an -inport, an -outport. */
#include <stdlib.h>
#include <string.h>

#include "vsock.h"
#include "vsudd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct forward f;
	uint32_t port;

	memcpy(text, data, size);
	text[size] = '\0';
	vsock_parse_port(text, &port);
	forward_parse_in(text, &f, NULL);
	memcpy(text, data, size);
	forward_parse_out(text, &f, NULL);
	free(text);
	return 0;
}
