/* config.json as a whole; its parts are written by process.c, mounts.c and linux.c. */
#include "spec.h"

#include "spec_private.h"

/* The oldest version that has all that is written: runtimes refuse newer ones than their own. */
static const char oci_version[] = "1.0.2";

bool spec_readonly(const struct spec_input *in)
{
	const struct node *yaml = node_field(in->entry->node, CONTAINER_READONLY);
	const struct node *readonly = yaml ? yaml : node_field(in->label, CONTAINER_READONLY);

	return readonly && readonly->boolean;
}

bool spec_config(const struct spec_input *in, struct spec *spec, struct buf *out)
{
	_cleanup_buf_ struct buf scratch = { 0 };
	struct spec_builder b = { .in = in,
				  .diags = &in->config->diags,
				  .yaml = in->entry->node,
				  .label = in->label,
				  .json = { .out = out ? out : &scratch },
				  .good = true };
	const char *hostname = spec_pick_text(&b, CONTAINER_HOSTNAME, "");

	where_entry(b.where, section_names[in->section], in->entry);
	spec->readonly = spec_readonly(in);
	jsonw_object(&b.json, NULL);
	jsonw_string(&b.json, "ociVersion", oci_version);
	spec_process(&b);
	jsonw_object(&b.json, "root");
	jsonw_string(&b.json, "path", "rootfs");
	if (spec->readonly)
		jsonw_bool(&b.json, "readonly", true);
	jsonw_end(&b.json);
	if (*hostname)
		jsonw_string(&b.json, "hostname", hostname);
	spec_mounts(&b, spec->readonly);
	value_write_mapping(&b, "annotations", spec_pick(&b, CONTAINER_ANNOTATIONS));
	spec_linux(&b);
	jsonw_end(&b.json);
	if (jsonw_done(&b.json) < 0) {
		diag_error(b.diags, in->entry->node->at, &b.where[1], "no memory");
		return false;
	}
	return b.good;
}
