/* Both files of a bundle. */
#include <stdint.h>

#include "buf.h"
#include "oci_config.h"
#include "oci_runtime.h"
#include "process_spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	_cleanup_oci_runtime_ struct oci_runtime r = { 0 };
	_cleanup_oci_config_ struct oci_config c = { 0 };
	char *const args[] = { (char *)"a", NULL };
	const struct process_change change = { .args = args };
	_cleanup_error_ struct error e = { 0 };
	_cleanup_buf_ struct buf out = { 0 };

	if (oci_runtime_parse(data, n, &r, &e) == 0)
		oci_runtime_splits_start(&r);
	if (oci_config_parse(data, n, &c, &e) == 0)
		oci_annotation(&c, "org.pith.onfail");
	(void)!oci_config_with_root(data, n, "/root", &out, &e);
	(void)!process_spec_make((const char *)data, n, &change, &out, &e);
	return 0;
}
