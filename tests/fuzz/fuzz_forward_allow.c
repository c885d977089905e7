/* Lists of what a guest may have opened: what is refused has a reason, and what is allowed is in the list. */
#include <stdlib.h>
#include <string.h>

#include "allow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vpnkit_port port = { .proto = VPNKIT_TCP, .out_ip = { .len = 4 } };
	char *text = malloc(size + 1);
	struct error e = { 0 };
	struct vpnkit_ip ip;
	struct allow a;
	int r;

	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	r = allow_parse(text, &a, &e);
	if ((r < 0) != (e.msg != NULL))
		abort();
	for (size_t i = 0; r == 0 && i < a.count; i++) {
		if (a.rules[i].first == 0 || a.rules[i].last < a.rules[i].first)
			abort();
		port.out_ip = a.rules[i].ip;
		port.out_port = a.rules[i].last;
		port.proto = a.rules[i].tcp ? VPNKIT_TCP : VPNKIT_UDP;
		if (!allow_check(&a, &port, &ip) || !vpnkit_ip_equal(&ip, &port.out_ip))
			abort();
	}
	allow_free(&a);
	error_clear(&e);
	free(text);
	return 0;
}
