/* Doubts about a container whose image is there: its user, its mounts, and what its label gives it. */
#include <string.h>

#include "doubts.h"
#include "str.h"
#include "user.h"

static void check_user(struct assembly *a, const struct spec_input *in, const struct where *where)
{
	const char *user = in->image->user;
	const struct node *at = node_field(in->entry->node, CONTAINER_IMAGE);

	if (in->user || !user || user_is_root(user) || node_field(in->entry->node, CONTAINER_UID) ||
	    node_field(in->label, CONTAINER_UID))
		return;
	diag_warning(&a->config->diags, at->at, where,
		     "the image asks for the user \"%s\", and the container runs as root, as LinuxKit has it", user);
	diag_hint(&a->config->diags,
		  "write `annotations: {org.pith.user: image}` for the image's user, or `uid: 0` for root");
}

/* A read-only root is as the image has it: where nothing is, nothing can be mounted. Mounts are sorted, so that what
 * is mounted over a part of the root comes before what is mounted there. */
void doubts_mount(void *data, const char *destination, const struct node *at)
{
	struct doubts_mounts *m = data;
	size_t n = m->above ? strlen(m->above) : 0;

	if (m->above && str_starts(destination, m->above) && (destination[n] == '/' || str_eq(m->above, "/")))
		return;
	m->above = destination;
	if (!at || tree_resolve(m->a->tree, m->root, destination))
		return;
	diag_warning(&m->a->config->diags, at->at, m->where,
		     "the image has no %s to mount this on, and it cannot be made in a read-only container",
		     destination);
	diag_hint(&m->a->config->diags, "leave out `readonly: true`, or mount it where the image has something");
}

static int add_word(struct buf *out, const char *word, bool first)
{
	return buf_addf(out, "%s%s", first ? " " : ", ", word);
}

/* " CAP_A, CAP_B" of a list of texts, or of a field of a list of records: of those only paths, and "all" devices. */
static size_t add_list(struct buf *out, const struct node *list, size_t field)
{
	size_t i, n = 0;

	for (i = 0; list && i < list->count; i++) {
		const struct node *item = list->items[i];
		const char *word = item->fields ? node_text(item, field) : item->text;

		if (!word || !*word || str_eq(word, "none") || (item->fields && *word != '/' && !str_eq(word, "all")))
			continue;
		n += add_word(out, word, n == 0) == 0;
	}
	return n;
}

static void add_part(struct buf *all, const char *key, const struct node *list, size_t field)
{
	_cleanup_buf_ struct buf words = { 0 };

	if (list && add_list(&words, list, field))
		buf_addf(all, "%s%s%s", all->len ? "; " : "", key, buf_text(&words));
}

/* Fields of containers that give it power over the machine. */
static const struct {
	size_t field, part;
} powers[] = {
	{ CONTAINER_CAPABILITIES, 0 },      { CONTAINER_AMBIENT, 0 },           { CONTAINER_BINDS, 0 },
	{ CONTAINER_MOUNTS, MOUNT_SOURCE }, { CONTAINER_DEVICES, DEVICE_PATH },
};

static void add_namespace(struct buf *all, const struct spec_input *in, size_t field, bool host_is_default)
{
	const char *yaml = node_text(in->entry->node, field), *label = node_text(in->label, field);
	bool host = label && (str_eq(label, "host") || str_eq(label, "root"));

	if ((yaml && *yaml) || !label || (*label != '/' && !(host && !host_is_default)))
		return;
	buf_addf(all, "%s%s %s", all->len ? "; " : "", container_record.fields[field].key, label);
}

static void add_runtime(struct buf *all, const struct spec_input *in)
{
	const struct node *label = node_field(in->label, CONTAINER_RUNTIME), *v;
	const struct node *yaml = node_field(in->entry->node, CONTAINER_RUNTIME);
	size_t i;

	for (i = 0; label && i < RUNTIME_COUNT; i++) {
		v = node_field(label, i);
		if (v && !node_field(yaml, i) && (v->count || (v->kind == NODE_STRING && v->len)))
			buf_addf(all, "%sruntime.%s", all->len ? "; " : "", runtime_record.fields[i].key);
	}
}

/* Fields of which it is enough to say that they are there. */
static void add_others(struct buf *all, const struct spec_input *in)
{
	static const size_t others[] = { CONTAINER_SYSCTL, CONTAINER_ROOTFS_PROPAGATION };
	const struct node *limits = node_field(in->label, CONTAINER_RESOURCES);
	const struct node *rules = node_field(limits, RESOURCES_DEVICES);
	size_t i;

	for (i = 0; i < array_len(others); i++) {
		const struct node *v = node_field(in->label, others[i]);

		if (v && (v->count || v->len) && !node_field(in->entry->node, others[i]))
			buf_addf(all, "%s%s", all->len ? "; " : "", container_record.fields[others[i]].key);
	}
	if (rules && rules->count && !node_field(in->entry->node, CONTAINER_RESOURCES))
		buf_addf(all, "%sresources.devices", all->len ? "; " : "");
}

static void check_label(struct assembly *a, const struct spec_input *in, const struct where *where)
{
	const struct node *at = node_field(in->entry->node, CONTAINER_IMAGE);
	_cleanup_buf_ struct buf all = { 0 };
	size_t i;

	for (i = 0; i < array_len(powers); i++)
		if (!node_field(in->entry->node, powers[i].field))
			add_part(&all, container_record.fields[powers[i].field].key,
				 node_field(in->label, powers[i].field), powers[i].part);
	add_namespace(&all, in, CONTAINER_PID, false);
	add_namespace(&all, in, CONTAINER_NET, true);
	add_namespace(&all, in, CONTAINER_IPC, true);
	add_namespace(&all, in, CONTAINER_UTS, true);
	add_namespace(&all, in, CONTAINER_USERNS, true);
	add_runtime(&all, in);
	add_others(&all, in);
	if (all.len)
		diag_note(&a->config->diags, at->at, where,
			  "the label of the image gives what the YAML does not state: %s", buf_text(&all));
}

static const struct node *container_field(const struct spec_input *in, size_t field)
{
	const struct node *v = node_field(in->entry->node, field);

	return v ? v : node_field(in->label, field);
}

/* The machine's /dev shows nodes; the right to open them is another thing. */
static void check_devices(struct assembly *a, const struct spec_input *in, const struct where *where)
{
	const struct node *binds = container_field(in, CONTAINER_BINDS),
			  *devices = container_field(in, CONTAINER_DEVICES);
	const struct node *rules = node_field(container_field(in, CONTAINER_RESOURCES), RESOURCES_DEVICES);
	size_t i;

	if ((devices && devices->count) || (rules && rules->count))
		return;
	for (i = 0; binds && i < binds->count; i++) {
		if (!str_starts(binds->items[i]->text, "/dev:"))
			continue;
		diag_warning(&a->config->diags, node_field(in->entry->node, CONTAINER_IMAGE)->at, where,
			     "the container sees the machine's devices in %s, and may open none but null, zero, random "
			     "and terminals",
			     binds->items[i]->text + strlen("/dev:"));
		diag_hint(&a->config->diags, "`devices:` allows them: `devices: [{path: all, type: b}]` all disks");
		return;
	}
}

void doubts_container(struct assembly *a, const struct spec_input *in, const struct where *where)
{
	check_user(a, in, where);
	check_devices(a, in, where);
	if (in->label)
		check_label(a, in, where);
}
