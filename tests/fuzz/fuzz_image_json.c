/* The documents of images; the first byte chooses which. */
#include <stdlib.h>

#include "image_json.h"
#include "ref.h"

static void check(const struct oci_descriptor *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!digest_valid(list[i].digest))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	_cleanup_index_ struct oci_index index = { 0 };
	_cleanup_manifest_ struct oci_manifest manifest = { 0 };
	_cleanup_config_ struct image_config config = { 0 };
	struct error err = { 0 };

	if (n == 0)
		return 0;
	switch (data[0]) {
	case 'i':
		if (oci_index_parse(data + 1, n - 1, &index, &err) == 0)
			check(index.manifests, index.count);
		break;
	case 'm':
		if (oci_manifest_parse(data + 1, n - 1, &manifest, &err) == 0)
			check(manifest.layers, manifest.layer_count);
		break;
	default:
		image_config_parse(data + 1, n - 1, &config, &err);
	}
	error_clear(&err);
	return 0;
}
