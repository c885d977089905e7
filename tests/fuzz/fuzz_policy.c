/* A service's annotations, a list of vsock ports, and the settings of containerd: text that an image brings. */
#include <stdint.h>
#include <string.h>

#include "policy.h"
#include "settings.h"
#include "vsock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	_cleanup_oci_config_ struct oci_config c = { 0 };
	_cleanup_policy_ struct policy p = { 0 };
	_cleanup_error_ struct error e = { 0 };
	uint32_t ports[4];
	char text[256];
	struct setting s[] = { { .key = "cliopts" }, { .key = "stdout" } };

	if (oci_config_parse(data, n, &c, &e) == 0 && policy_parse(&c, &p, &e) == 0) {
		struct policy_node nodes[] = { { "a", p.after }, { "b", p.after } };

		policy_order(nodes, 2, NULL, &e);
	}
	if (n < sizeof(text)) {
		memcpy(text, data, n);
		text[n] = '\0';
		vsock_parse_ports(text, ports, 4, &e);
	}
	settings_parse((const char *)data, n, s, 2, &e);
	free(s[0].value);
	free(s[1].value);
	return 0;
}
