#include "spec.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "capabilities.h"
#include "image_json.h"
#include "spec_private.h"
#include "str.h"
#include "user.h"

/* The oldest version that has all that is written: runtimes refuse newer ones than their own. */
static const char oci_version[] = "1.0.2";

/* --- choosing ------------------------------------------------------------------------------------------------- */

const struct node *spec_pick(const struct spec_builder *b, size_t field)
{
	const struct node *v = node_field(b->yaml, field);

	return v ? v : node_field(b->label, field);
}

const char *spec_pick_text(const struct spec_builder *b, size_t field, const char *fallback)
{
	const char *yaml = node_text(b->yaml, field), *label = node_text(b->label, field);

	return yaml && *yaml ? yaml : label && *label ? label : fallback;
}

struct texts spec_pick_texts(const struct spec_builder *b, size_t field)
{
	struct texts t = { .first = node_field(b->yaml, field), .first_key = container_record.fields[field].key };

	if (!t.first) {
		t.first = node_field(b->label, field);
		t.first_from_label = t.first != NULL;
	}
	return t;
}

struct texts spec_pick_added(const struct spec_builder *b, size_t field, size_t add)
{
	struct texts t = spec_pick_texts(b, field);

	if (!node_field(b->yaml, field)) {
		t.second = node_field(b->yaml, add);
		t.second_key = container_record.fields[add].key;
	}
	return t;
}

void spec_error(struct spec_builder *b, const struct node *at, const char *key, const char *fmt, ...)
{
	struct where where = { .up = &b->where[1], .key = key };
	_cleanup_free_ char *text = NULL;
	va_list ap;

	b->good = false;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	diag_error(b->diags, at->at, key ? &where : &b->where[1], "%s", text ? text : "no memory");
}

/* --- capabilities and limits --------------------------------------------------------------------------------- */

static const char *capability_at(size_t i, const void *data)
{
	(void)data;
	return capability_names[i];
}

static int capability_find(const char *name)
{
	int i;

	for (i = 0; i < CAPABILITIES; i++)
		if (str_eq(capability_names[i], name))
			return i;
	return -1;
}

/* The capabilities of a list, in its order and each once; the count. */
static size_t capability_list(struct spec_builder *b, const struct texts *t, int list[static CAPABILITIES])
{
	size_t n = texts_count(t), count = 0, i;
	uint64_t seen = 0;

	if (n == 1 && strcasecmp(texts_at(t, 0)->text, "none") == 0)
		return 0;
	if (n == 1 && strcasecmp(texts_at(t, 0)->text, "all") == 0) {
		for (count = 0; count < CAPABILITIES; count++)
			list[count] = (int)count;
		return count;
	}
	for (i = 0; i < n; i++) {
		const struct node *at = texts_at(t, i);
		int cap = capability_find(at->text);

		if (cap < 0) {
			spec_error(b, at, NULL, "unknown capability \"%s\"", at->text);
			if (strcasecmp(at->text, "all") == 0 || strcasecmp(at->text, "none") == 0)
				diag_hint(b->diags, "\"%s\" must be the only one of the list", at->text);
			else
				diag_suggest(b->diags, at->text, capability_at, NULL);
		} else if (!(seen >> cap & 1)) {
			seen |= UINT64_C(1) << cap;
			list[count++] = cap;
		}
	}
	return count;
}

static void write_capabilities(struct spec_builder *b, const char *key, const int *list, size_t n)
{
	size_t i;

	if (!n)
		return;
	jsonw_list(&b->json, key);
	for (i = 0; i < n; i++)
		jsonw_string(&b->json, NULL, capability_names[list[i]]);
	jsonw_end(&b->json);
}

static int compare_capabilities(const void *pa, const void *pb)
{
	return strcmp(capability_names[*(const int *)pa], capability_names[*(const int *)pb]);
}

/* Effective are those asked for; bounding, inheritable and permitted have the ambient ones too. */
void spec_capabilities(struct spec_builder *b)
{
	struct texts caps = spec_pick_added(b, CONTAINER_CAPABILITIES, CONTAINER_CAPABILITIES_ADD);
	struct texts wanted_ambient = spec_pick_texts(b, CONTAINER_AMBIENT);
	int effective[CAPABILITIES], ambient[CAPABILITIES], bounding[2 * CAPABILITIES];
	size_t n = capability_list(b, &caps, effective), m = capability_list(b, &wanted_ambient, ambient), all, i, k;

	memcpy(bounding, effective, n * sizeof *effective);
	for (all = n, i = 0; i < m; i++) {
		for (k = 0; k < n && effective[k] != ambient[i]; k++)
			;
		if (k == n)
			bounding[all++] = ambient[i];
	}
	qsort(bounding, all, sizeof *bounding, compare_capabilities);
	jsonw_object(&b->json, "capabilities");
	write_capabilities(b, "bounding", bounding, all);
	write_capabilities(b, "effective", effective, n);
	write_capabilities(b, "inheritable", bounding, all);
	write_capabilities(b, "permitted", bounding, all);
	write_capabilities(b, "ambient", ambient, m);
	jsonw_end(&b->json);
}

static const char *const rlimit_names[] = {
	"RLIMIT_CPU",      "RLIMIT_FSIZE",  "RLIMIT_DATA",    "RLIMIT_STACK",  "RLIMIT_CORE",  "RLIMIT_RSS",
	"RLIMIT_NPROC",    "RLIMIT_NOFILE", "RLIMIT_MEMLOCK", "RLIMIT_AS",     "RLIMIT_LOCKS", "RLIMIT_SIGPENDING",
	"RLIMIT_MSGQUEUE", "RLIMIT_NICE",   "RLIMIT_RTPRIO",  "RLIMIT_RTTIME", NULL,
};

static const char *rlimit_short_name(size_t i, const void *data)
{
	(void)data;
	return rlimit_names[i] ? rlimit_names[i] + strlen("RLIMIT_") : NULL;
}

/* Cuts blanks at both ends. */
static char *trim(char *s)
{
	char *end = s + strlen(s);

	while (end > s && strchr(" \t\n\v\f\r", end[-1]))
		*--end = '\0';
	return s + strspn(s, " \t\n\v\f\r");
}

static int rlimit_value(const char *s, uint64_t *out)
{
	if (strcasecmp(s, "unlimited") != 0)
		return str_to_u64(s, UINT64_MAX, out);
	*out = UINT64_MAX;
	return 0;
}

static void write_rlimit(struct spec_builder *b, const struct node *at)
{
	_cleanup_free_ char *copy = strdup(at->text), *name = NULL;
	char *soft = copy ? strchr(copy, ',') : NULL, *hard = soft ? strchr(soft + 1, ',') : NULL;
	uint64_t soft_value, hard_value;
	size_t i;

	if (!soft || !hard) {
		spec_error(b, at, "rlimits", "\"%s\" is not NAME,SOFT,HARD", at->text);
		diag_hint(b->diags, "for example \"nofile,1024,4096\", or \"core,0,unlimited\"");
		return;
	}
	*soft++ = '\0';
	*hard++ = '\0';
	name = trim(copy);
	name = strncasecmp(name, "RLIMIT_", 7) == 0 ? strdup(name) : str_format("RLIMIT_%s", name);
	for (i = 0; name && rlimit_names[i]; i++)
		if (strcasecmp(rlimit_names[i], name) == 0)
			break;
	if (!name || !rlimit_names[i]) {
		spec_error(b, at, "rlimits", "unknown limit \"%s\"", trim(copy));
		diag_suggest(b->diags, trim(copy), rlimit_short_name, NULL);
	} else if (rlimit_value(trim(soft), &soft_value) < 0 || rlimit_value(trim(hard), &hard_value) < 0) {
		spec_error(b, at, "rlimits", "in \"%s\" a limit is neither a number nor \"unlimited\"", at->text);
	} else {
		jsonw_object(&b->json, NULL);
		jsonw_string(&b->json, "type", rlimit_names[i]);
		jsonw_uint(&b->json, "hard", hard_value);
		jsonw_uint(&b->json, "soft", soft_value);
		jsonw_end(&b->json);
	}
}

void spec_rlimits(struct spec_builder *b)
{
	struct texts t = spec_pick_texts(b, CONTAINER_RLIMITS);
	size_t i, n = texts_count(&t);

	if (!n)
		return;
	jsonw_list(&b->json, "rlimits");
	for (i = 0; i < n; i++)
		write_rlimit(b, texts_at(&t, i));
	jsonw_end(&b->json);
}

/* --- process ----------------------------------------------------------------------------------------------------- */

static uint32_t owner(struct spec_builder *b, const struct node *n, const char *key)
{
	struct where where = { .up = &b->where[1], .key = key };
	uint32_t id;

	if (!config_owner(b->in->config, n, key, &where, &id))
		b->good = false;
	return id;
}

static void write_groups(struct spec_builder *b)
{
	const struct node *groups = spec_pick(b, CONTAINER_ADDITIONAL_GIDS);
	const struct image_user *user = b->in->user;
	size_t i, n = groups ? groups->count : user ? user->group_count : 0;

	if (!n)
		return;
	jsonw_list(&b->json, "additionalGids");
	for (i = 0; i < n; i++)
		jsonw_uint(&b->json, NULL, groups ? owner(b, groups->items[i], "additionalGids") : user->groups[i]);
	jsonw_end(&b->json);
}

/* What the entry or the label says, else the image where it is asked, else root. */
static void write_user(struct spec_builder *b)
{
	const struct node *uid = spec_pick(b, CONTAINER_UID), *gid = spec_pick(b, CONTAINER_GID);
	const struct image_user *user = b->in->user;

	jsonw_object(&b->json, "user");
	jsonw_uint(&b->json, "uid", uid || !user ? owner(b, uid, "uid") : user->uid);
	jsonw_uint(&b->json, "gid", gid || !user ? owner(b, gid, "gid") : user->gid);
	write_groups(b);
	jsonw_end(&b->json);
}

static void write_texts(struct spec_builder *b, const char *key, const struct node *list)
{
	size_t i;

	if (!list || !list->count)
		return;
	jsonw_list(&b->json, key);
	for (i = 0; i < list->count; i++)
		jsonw_text(&b->json, NULL, list->items[i]->text, list->items[i]->len);
	jsonw_end(&b->json);
}

/* The program and its arguments: entrypoint and command of the image after each other where nothing else is said. The
 * first of them; NULL: there is none. */
static const char *write_args(struct spec_builder *b)
{
	const struct node *args = spec_pick(b, CONTAINER_COMMAND);
	const struct image_config *image = b->in->image;
	char *const *entrypoint = image ? image->entrypoint : NULL, *const *cmd = image ? image->cmd : NULL;
	char *const *v;

	if (args) {
		write_texts(b, "args", args);
		return args->count ? args->items[0]->text : NULL;
	}
	if ((!entrypoint || !*entrypoint) && (!cmd || !*cmd))
		return NULL;
	jsonw_list(&b->json, "args");
	for (v = entrypoint; v && *v; v++)
		jsonw_string(&b->json, NULL, *v);
	for (v = cmd; v && *v; v++)
		jsonw_string(&b->json, NULL, *v);
	jsonw_end(&b->json);
	return entrypoint && *entrypoint ? *entrypoint : *cmd;
}

static void no_command(struct spec_builder *b)
{
	const struct node *args = node_field(b->yaml, CONTAINER_COMMAND), *at = node_field(b->yaml, CONTAINER_IMAGE);

	diag_warning(b->diags, args ? args->at : at->at, &b->where[1],
		     args ? "there is no command, and the container cannot start"
			  : "neither the YAML nor the image has a command, and the container cannot start");
	diag_hint(b->diags, "for example `command: [\"/bin/sh\"]`");
}

static bool is_path(const char *text)
{
	return str_starts(text, "PATH=");
}

/* A program that is named without its directory is looked for where Docker and containerd's clients look when nothing
 * says where; LinuxKit leaves such a container without a PATH, and it cannot start. */
static void write_env(struct spec_builder *b, const char *program)
{
	const struct node *env = spec_pick(b, CONTAINER_ENV);
	const struct image_config *image = b->in->image;
	char *const *from_image = !env && image ? image->env : NULL, *const * v;
	size_t i, n = env ? env->count : strv_len(from_image);
	bool has_path = !program || strchr(program, '/');

	for (i = 0; env && i < n; i++)
		has_path |= is_path(env->items[i]->text);
	for (v = from_image; v && *v; v++)
		has_path |= is_path(*v);
	if (!n && has_path)
		return;
	jsonw_list(&b->json, "env");
	if (!has_path)
		jsonw_string(&b->json, NULL, IMAGE_DEFAULT_PATH);
	for (i = 0; i < n; i++) {
		if (env)
			jsonw_text(&b->json, NULL, env->items[i]->text, env->items[i]->len);
		else
			jsonw_string(&b->json, NULL, from_image[i]);
	}
	jsonw_end(&b->json);
}

static void write_process(struct spec_builder *b)
{
	const struct node *oom = spec_pick(b, CONTAINER_OOM_SCORE_ADJ),
			  *nnp = spec_pick(b, CONTAINER_NO_NEW_PRIVILEGES);
	const struct image_config *image = b->in->image;
	const char *program;

	jsonw_object(&b->json, "process");
	write_user(b);
	program = write_args(b);
	if (image && !program)
		no_command(b);
	write_env(b, program);
	jsonw_string(&b->json, "cwd",
		     spec_pick_text(b, CONTAINER_CWD,
				    image && image->workdir && *image->workdir ? image->workdir : "/"));
	spec_capabilities(b);
	spec_rlimits(b);
	if (nnp && nnp->boolean)
		jsonw_bool(&b->json, "noNewPrivileges", true);
	if (oom)
		jsonw_int(&b->json, "oomScoreAdj", (int64_t)node_number(oom));
	jsonw_end(&b->json);
}

/* --- linux -------------------------------------------------------------------------------------------------------- */

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

static int64_t number_of(const struct node *record, size_t field)
{
	const struct node *n = node_field(record, field);

	return n ? (int64_t)node_number(n) : 0;
}

static bool is_all(const struct node *device)
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
	jsonw_int(&b->json, "major", number_of(device, DEVICE_MAJOR));
	jsonw_int(&b->json, "minor", number_of(device, DEVICE_MINOR));
	jsonw_uint(&b->json, "fileMode", bits);
	jsonw_end(&b->json);
}

static void write_devices(struct spec_builder *b, const struct node *devices)
{
	bool open = false;
	size_t i;

	for (i = 0; devices && i < devices->count; i++) {
		if (is_all(devices->items[i]))
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
	if (!is_all(device)) {
		jsonw_int(&b->json, "major", number_of(device, DEVICE_MAJOR));
		jsonw_int(&b->json, "minor", number_of(device, DEVICE_MINOR));
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

/* A mapping of text, sorted by nothing: JSON objects have no order. */
static void write_mapping(struct spec_builder *b, const char *key, const struct node *map)
{
	size_t i;

	if (!map || !map->count)
		return;
	jsonw_object(&b->json, key);
	for (i = 0; i < map->count; i++)
		jsonw_text(&b->json, map->items[2 * i]->text, map->items[2 * i + 1]->text, map->items[2 * i + 1]->len);
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

static void write_linux(struct spec_builder *b)
{
	const struct node *devices = spec_pick(b, CONTAINER_DEVICES);

	jsonw_object(&b->json, "linux");
	write_records(b, "uidMappings", spec_pick(b, CONTAINER_UID_MAPPINGS));
	write_records(b, "gidMappings", spec_pick(b, CONTAINER_GID_MAPPINGS));
	write_mapping(b, "sysctl", spec_pick(b, CONTAINER_SYSCTL));
	write_resources(b, devices);
	write_text(b, "cgroupsPath", spec_pick(b, CONTAINER_CGROUPS_PATH));
	write_namespaces(b);
	write_devices(b, devices);
	write_text(b, "rootfsPropagation", spec_pick(b, CONTAINER_ROOTFS_PROPAGATION));
	write_texts(b, "maskedPaths", spec_pick(b, CONTAINER_MASKED_PATHS));
	write_texts(b, "readonlyPaths", spec_pick(b, CONTAINER_READONLY_PATHS));
	jsonw_end(&b->json);
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

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
	write_process(&b);
	jsonw_object(&b.json, "root");
	jsonw_string(&b.json, "path", "rootfs");
	if (spec->readonly)
		jsonw_bool(&b.json, "readonly", true);
	jsonw_end(&b.json);
	if (*hostname)
		jsonw_string(&b.json, "hostname", hostname);
	spec_mounts(&b, spec->readonly);
	write_mapping(&b, "annotations", spec_pick(&b, CONTAINER_ANNOTATIONS));
	write_linux(&b);
	jsonw_end(&b.json);
	if (jsonw_done(&b.json) < 0) {
		diag_error(b.diags, in->entry->node->at, &b.where[1], "no memory");
		return false;
	}
	return b.good;
}

/* --- the label ---------------------------------------------------------------------------------------------------- */

static struct text_file *label_file(struct config *c, const char *text, const char *image)
{
	struct text_file *f = calloc(1, sizeof *f);

	if (!f)
		return NULL;
	f->name = str_format("label org.mobyproject.config of %s", image);
	f->text = strdup(text);
	if (!f->name || !f->text) {
		free(f->name);
		free(f->text);
		free(f);
		return NULL;
	}
	f->len = strlen(text);
	f->number = c->files ? c->files->number + 1 : 1;
	f->next = c->files;
	c->files = f;
	return f;
}

const struct node *spec_label(struct config *c, const char *text, const char *image, const struct where *where)
{
	struct text_file *f = label_file(c, text, image);
	static const size_t none_of[] = { CONTAINER_NAME, CONTAINER_IMAGE };
	size_t before = c->diags.errors, i;
	struct node *n;

	if (!f) {
		diag_error(&c->diags, (struct position){ 0 }, where, "no memory");
		return NULL;
	}
	n = yaml_parse(f, &c->arena, &c->diags);
	if (!n || !schema_check(n, &label_record, where, &c->arena, &c->diags))
		return NULL;
	for (i = 0; i < array_len(none_of); i++) {
		const struct node *v = node_field(n, none_of[i]);

		if (v && v->len)
			diag_error(&c->diags, v->at, where, "a label cannot set \"%s\"",
				   label_record.fields[none_of[i]].key);
	}
	return c->diags.errors > before ? NULL : n;
}
