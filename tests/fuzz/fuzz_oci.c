/* Both files of a bundle. */
#include <stdint.h>
#include <stdlib.h>

#include "oci.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	_cleanup_oci_runtime_ struct oci_runtime r = { 0 };
	_cleanup_oci_config_ struct oci_config c = { 0 };
	_cleanup_error_ struct error e = { 0 };

	if (oci_runtime_parse(data, n, &r, &e) == 0)
		oci_runtime_splits_start(&r);
	if (oci_config_parse(data, n, &c, &e) == 0)
		oci_annotation(&c, "org.pith.onfail");
	free(oci_config_with_root(data, n, "/root", &e));
	error_clear(&e);
	free(oci_config_process(data, n, (char *const[]){ "a", NULL }, &e));
	return 0;
}
