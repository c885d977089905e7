/* Small texts of others, each read by several parsers: the kernel's command line, mount options, the vsock sockets'
 * first lines and port lists, platforms. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cmdline.h"
#include "image_json.h"
#include "lines.h"
#include "mountopt.h"
#include "str.h"

static void mount_options(const char *text)
{
	_cleanup_strv_ char **words = strv_split(text, ",");
	struct mount_options o = { 0 };

	if (mount_options_parse(words, &o, NULL) == 0 && o.data && strlen(o.data) >= 4096)
		abort();
	mount_options_clear(&o);
}

static void vsock(const uint8_t *data, size_t n, const char *text)
{
	size_t len = n < LINES_BYTES_MAX ? n : LINES_BYTES_MAX;
	uint64_t cid;
	uint32_t port;
	uint16_t type;
	const char *rest = text;
	int r;

	for (int ended = 0; ended <= 1; ended++) {
		r = lines_parse_connect((const char *)data, len, ended, &cid, &port);
		if (r > (int)len || (r > 0 && !ended && data[r - 1] != '\n'))
			abort();
		r = lines_parse_hybrid((const char *)data, len, ended, &port);
		if (r > (int)len || (r > 0 && !ended && data[r - 1] != '\n'))
			abort();
	}
	while (lines_parse_port(&rest, &port, &type) > 0)
		if (rest <= text || rest > text + strlen(text))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	_cleanup_free_ char *text = malloc(n + 1);
	/* just as long as they are: reading on is an error that the sanitizer sees */
	_cleanup_free_ uint8_t *bytes = malloc(n ? n : 1);
	struct platform p;

	if (n) {
		memcpy(text, data, n);
		memcpy(bytes, data, n);
	}
	text[n] = '\0';
	cmdline_has(text, "pith.debug=1");
	mount_options(text);
	vsock(bytes, n, text);
	if (platform_parse(text, &p, NULL) == 0 && !*platform_text(&p))
		abort();
	return 0;
}
