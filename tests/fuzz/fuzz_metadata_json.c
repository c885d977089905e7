/* JSON of metadata services and of userdata: no entry leads out of the folder. */
#include <stdint.h>

#include "entries.h"
#include "metadata_sink.h"
#include "provider.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct buf text = { 0 }, value = { 0 };
	struct findings found = { 0 };
	struct error err = { 0 };

	buf_add(&text, data, n);
	if (entries_read(buf_text(&text), n, &checking_sink, &err) == 0 && !err.msg)
		abort();
	error_clear(&err);
	if (keys_from_json(&text, &value, &err) < 0 && !err.msg)
		abort();
	error_clear(&err);
	keys_from_google(&text, &value, NULL);
	equinix_digest(&text, &found, NULL);
	findings_clear(&found);
	scaleway_digest(&text, &found, NULL);
	findings_clear(&found);
	buf_free(&text);
	buf_free(&value);
	return 0;
}
