/* "linux" of config.json: namespaces, devices, resources. */
#include <string.h>

#include "dump.h"
#include "spec_private.h"
#include "str.h"

static const struct namespace
{
	size_t field;
	const char *type;
	bool host; /* by default there is no new one */
}
namespaces[] = {
	{ CONTAINER_NET, "network", true }, { CONTAINER_IPC, "ipc", true },     { CONTAINER_UTS, "uts", true },
	{ CONTAINER_PID, "pid", false },    { CONTAINER_USERNS, "user", true },
};

static void write_namespaces(struct spec_builder *b)
{
	size_t i;

	jsonw_list(&b->json, "namespaces");
	for (i = 0; i < array_len(namespaces); i++) {
		const char *path = spec_pick_text(b, namespaces[i].field, namespaces[i].host ? "root" : "");

		if (str_eq(path, "host") || str_eq(path, "root"))
			continue;
		if (str_eq(path, "new") || (str_eq(path, "none") && namespaces[i].field == CONTAINER_NET))
			path = "";
		jsonw_object(&b->json, NULL);
		jsonw_string(&b->json, "type", namespaces[i].type);
		if (*path)
			jsonw_string(&b->json, "path", path);
		jsonw_end(&b->json);
	}
	jsonw_object(&b->json, NULL);
	jsonw_string(&b->json, "type", "mount");
	jsonw_end(&b->json);
	jsonw_end(&b->json);
}

static int64_t device_number(const struct node *record, size_t field)
{
	const struct node *n = node_field(record, field);

	return n ? (int64_t)node_number(n) : 0;
}

static bool device_is_all(const struct node *device)
{
	const char *path = node_text(device, DEVICE_PATH);

	return path && str_eq(path, "all");
}

static void write_device(struct spec_builder *b, const struct node *device)
{
	const char *path = node_text(device, DEVICE_PATH), *type = node_text(device, DEVICE_TYPE);
	const struct node *mode = node_field(device, DEVICE_MODE);
	uint32_t bits;

	if (!mode && node_get(device, "mode"))
		return; /* reported as of a wrong type */
	if (!mode || !mode_parse(mode->text, &bits)) {
		spec_error(b, mode ? mode : device, "devices",
			   mode ? "\"%s\" is not an octal mode" : "%sthe device has no mode", mode ? mode->text : "");
		diag_hint(b->diags, "write `mode: \"0600\"`, in quotes");
		return;
	}
	jsonw_object(&b->json, NULL);
	jsonw_string(&b->json, "path", path ? path : "");
	jsonw_string(&b->json, "type", type ? type : "");
	jsonw_int(&b->json, "major", device_number(device, DEVICE_MAJOR));
	jsonw_int(&b->json, "minor", device_number(device, DEVICE_MINOR));
	jsonw_uint(&b->json, "fileMode", bits);
	jsonw_end(&b->json);
}

static void write_devices(struct spec_builder *b, const struct node *devices)
{
	bool open = false;
	size_t i;

	for (i = 0; devices && i < devices->count; i++) {
		if (device_is_all(devices->items[i]))
			continue;
		if (!open)
			jsonw_list(&b->json, "devices");
		open = true;
		write_device(b, devices->items[i]);
	}
	if (open)
		jsonw_end(&b->json);
}

/* The rule by which a container may use a device that it has. */
static void write_device_rule(struct spec_builder *b, const struct node *device)
{
	const char *type = node_text(device, DEVICE_TYPE);

	jsonw_object(&b->json, NULL);
	jsonw_bool(&b->json, "allow", true);
	if (type && *type)
		jsonw_string(&b->json, "type", type);
	if (!device_is_all(device)) {
		jsonw_int(&b->json, "major", device_number(device, DEVICE_MAJOR));
		jsonw_int(&b->json, "minor", device_number(device, DEVICE_MINOR));
	}
	jsonw_string(&b->json, "access", "rwm");
	jsonw_end(&b->json);
}

/* Rules of resources.devices first, then one a device. */
static void write_resources(struct spec_builder *b, const struct node *devices)
{
	const struct node *resources = spec_pick(b, CONTAINER_RESOURCES), *rules;
	size_t i;

	rules = node_field(resources, RESOURCES_DEVICES);
	jsonw_object(&b->json, "resources");
	if ((rules && rules->count) || (devices && devices->count)) {
		jsonw_list(&b->json, "devices");
		for (i = 0; rules && i < rules->count; i++)
			node_json(&b->json, NULL, rules->items[i], rules->items[i]->record);
		for (i = 0; devices && i < devices->count; i++)
			write_device_rule(b, devices->items[i]);
		jsonw_end(&b->json);
	}
	for (i = 0; resources && i < resources_record.count; i++) {
		const struct field *f = &resources_record.fields[i];
		const struct node *part = node_field(resources, i);

		if (part && f->type == FIELD_RECORD)
			node_json(&b->json, f->json ? f->json : f->key, part, f->record);
	}
	jsonw_end(&b->json);
}

static void write_records(struct spec_builder *b, const char *key, const struct node *list)
{
	size_t i;

	if (!list || !list->count)
		return;
	jsonw_list(&b->json, key);
	for (i = 0; i < list->count; i++)
		node_json(&b->json, NULL, list->items[i], list->items[i]->record);
	jsonw_end(&b->json);
}

/* A text that may be emptied from the YAML; not written when empty. */
static void write_text(struct spec_builder *b, const char *key, const struct node *n)
{
	if (n && n->len)
		jsonw_text(&b->json, key, n->text, n->len);
}

void spec_linux(struct spec_builder *b)
{
	const struct node *devices = spec_pick(b, CONTAINER_DEVICES);

	jsonw_object(&b->json, "linux");
	write_records(b, "uidMappings", spec_pick(b, CONTAINER_UID_MAPPINGS));
	write_records(b, "gidMappings", spec_pick(b, CONTAINER_GID_MAPPINGS));
	value_write_mapping(b, "sysctl", spec_pick(b, CONTAINER_SYSCTL));
	write_resources(b, devices);
	write_text(b, "cgroupsPath", spec_pick(b, CONTAINER_CGROUPS_PATH));
	write_namespaces(b);
	write_devices(b, devices);
	write_text(b, "rootfsPropagation", spec_pick(b, CONTAINER_ROOTFS_PROPAGATION));
	value_write_texts(b, "maskedPaths", spec_pick(b, CONTAINER_MASKED_PATHS));
	value_write_texts(b, "readonlyPaths", spec_pick(b, CONTAINER_READONLY_PATHS));
	jsonw_end(&b->json);
}
