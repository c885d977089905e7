/* Modules' configuration: modprobe.d, the kernel command line, lists. */
#include <string.h>

#include "modconf.h"
#include "str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	_cleanup_modconf_ struct modconf conf = { 0 };
	_cleanup_free_ char *text = strndup((const char *)data, n), *options = NULL;
	_cleanup_strv_ char **names = NULL;

	if (!text)
		return 0;
	modconf_parse(&conf, (const char *)data, n);
	modconf_parse_cmdline(&conf, text);
	modconf_parse_list((const char *)data, n, &names);
	options = modconf_options(&conf, "virtio_net");
	return 0;
}
