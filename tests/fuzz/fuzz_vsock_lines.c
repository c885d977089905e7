/* What clients of the device's sockets write first, and the list of ports of its command line. */
#include <stdlib.h>
#include <string.h>

#include "lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was taken lies in the bytes, and ends with a newline or where the client has ended. */
static void line_check(int n, const char *line, size_t len, bool ended)
{
	if (n > 0 && ((size_t)n > len || (line[n - 1] != '\n' && !(ended && (size_t)n == len))))
		abort();
	if (n == 0 && ended && len > 0)
		abort();
}

static void lines_try(const char *line, size_t len, bool ended)
{
	uint32_t port = 0;
	uint64_t cid = 0;
	int n = lines_parse_connect(line, len, ended, &cid, &port);

	line_check(n, line, len, ended);
	if (n > 0 && cid > UINT32_MAX)
		abort();
	n = lines_parse_hybrid(line, len, ended, &port);
	line_check(n, line, len, ended);
	if (n > 0 && port == UINT32_MAX)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len = size < LINES_BYTES_MAX ? size : LINES_BYTES_MAX;
	char *line = malloc(len), *text = malloc(size + 1); /* exactly as long, so that reading on is seen */
	const char *rest = text;
	uint32_t port = 0;
	uint16_t type = 0;

	if (len > 0)
		memcpy(line, data, len);
	lines_try(line, len, false);
	lines_try(line, len, true);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	while (lines_parse_port(&rest, &port, &type) > 0)
		if (rest > text + size || (type != VSOCK_STREAM && type != VSOCK_SEQPACKET))
			abort();
	free(line);
	free(text);
	return 0;
}
