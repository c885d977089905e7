#include "spec.h"

#include <errno.h>

#include "io.h"
#include "oci_config.h"
#include "process_spec.h"
#include "str.h"

static int config_read(const char *bundle, struct buf *json, struct error *err)
{
	_cleanup_free_ char *path = str_format("%s/config.json", bundle);

	return path ? file_read(path, OCI_FILE_MAX, json, err) : error_set(err, ENOMEM, "config.json");
}

static char *text_steal(struct buf *b, struct error *err)
{
	char *text = buf_steal_text(b);

	if (!text)
		error_set(err, ENOMEM, "config.json");
	return text;
}

char *spec_read(const char *bundle, struct error *err)
{
	_cleanup_free_ char *root = str_format("%s/rootfs", bundle);
	_cleanup_buf_ struct buf json = { 0 }, spec = { 0 };

	if (!root) {
		error_set(err, ENOMEM, "rootfs");
		return NULL;
	}
	if (config_read(bundle, &json, err) < 0)
		return NULL;
	if (oci_config_with_root(json.data, json.len, root, &spec, err) < 0) {
		error_wrap(err, "%s/config.json", bundle);
		return NULL;
	}
	return text_steal(&spec, err);
}

char *spec_process_read(const char *bundle, char *const *argv, struct error *err)
{
	const struct process_change change = { .args = argv };
	_cleanup_buf_ struct buf json = { 0 }, process = { 0 };

	if (config_read(bundle, &json, err) < 0 ||
	    process_spec_make(buf_text(&json), json.len, &change, &process, err) < 0)
		return NULL;
	return text_steal(&process, err);
}
