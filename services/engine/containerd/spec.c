#include "spec.h"

#include <errno.h>

#include "io.h"
#include "oci.h"
#include "str.h"

static int config_read(const char *bundle, struct buf *json, struct error *err)
{
	_cleanup_free_ char *path = str_format("%s/config.json", bundle);

	return path ? file_read(path, OCI_FILE_MAX, json, err) : error_set(err, ENOMEM, "config.json");
}

char *spec_read(const char *bundle, struct error *err)
{
	_cleanup_free_ char *root = str_format("%s/rootfs", bundle);
	_cleanup_buf_ struct buf json = { 0 };
	char *spec;

	if (!root) {
		error_set(err, ENOMEM, "rootfs");
		return NULL;
	}
	if (config_read(bundle, &json, err) < 0)
		return NULL;
	spec = oci_config_with_root(json.data, json.len, root, err);
	if (!spec)
		error_wrap(err, "%s/config.json", bundle);
	return spec;
}

char *spec_process_read(const char *bundle, char *const *argv, struct error *err)
{
	_cleanup_buf_ struct buf json = { 0 };

	return config_read(bundle, &json, err) < 0 ? NULL : oci_config_process(json.data, json.len, argv, err);
}
