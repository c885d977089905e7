/* cloud-config and meta-data: no file leads out of the folder. */
#include <stdint.h>

#include "cloudinit.h"
#include "metadata_sink.h"
#include "smbios.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct buf text = { 0 };
	struct findings found = { 0 };
	struct cloudinit_seed seed = { 0 };
	struct error err = { 0 };

	buf_add(&text, data, n);
	if (cloudinit_config(buf_text(&text), n, &found, &checking_sink, &err) < 0 && !err.msg)
		abort();
	error_clear(&err);
	if (cloudinit_metadata(buf_text(&text), n, &found, &err) < 0 && !err.msg)
		abort();
	error_clear(&err);
	findings_clear(&found);
	cloudinit_seed_parse(buf_text(&text), &seed, NULL);
	cloudinit_seed_clear(&seed);
	free(smbios_serial(data, n));
	buf_free(&text);
	return 0;
}
