#include "doubts.h"

#include <string.h>

#include "assemble_private.h"
#include "str.h"
#include "user.h"

/* --- quotes ----------------------------------------------------------------------------------------------------- */

static size_t count(const char *s, char c)
{
	size_t n = 0;

	for (; (s = strchr(s, c)) != NULL; s++)
		n++;
	return n;
}

/* Text without quotes of its own in the YAML, with one quote in it: `["/bin/x", /data"]`. An apostrophe may stand
 * inside of words. */
static bool half_quoted(const struct node *n)
{
	if (n->quoted || n->kind != NODE_STRING)
		return false;
	if (count(n->text, '"') % 2)
		return true;
	return count(n->text, '\'') % 2 && (str_ends(n->text, "'") || strstr(n->text, "='"));
}

static void check_text(struct config *c, const struct node *n, const struct where *where)
{
	if (!half_quoted(n))
		return;
	diag_warning(&c->diags, n->at, where, "the quote is part of the text: %s", n->text);
	diag_hint(&c->diags,
		  "one is missing in front or behind; where it is meant, write the text in quotes of the other kind");
}

static void check_texts(struct config *c, const struct node *n, const struct where *where);

static void check_value(struct config *c, const struct field *f, const struct node *v, const struct where *where)
{
	size_t i, step = f->type == FIELD_TEXTS ? 2 : 1;

	switch (f->type) {
	case FIELD_STRING:
		check_text(c, v, where);
		return;
	case FIELD_STRINGS:
	case FIELD_RECORDS:
	case FIELD_TEXTS:
		for (i = 0; i < v->count; i++) {
			const struct node *item = v->items[i * step + step - 1];
			struct where here = { .up = where, .index = i };

			if (f->type == FIELD_RECORDS)
				check_texts(c, item, &here);
			else
				check_text(c, item, f->type == FIELD_TEXTS ? where : &here);
		}
		return;
	case FIELD_RECORD:
		check_texts(c, v, where);
		return;
	default:
		return;
	}
}

static void check_texts(struct config *c, const struct node *n, const struct where *where)
{
	size_t i;

	for (i = 0; n->record && i < n->record->count; i++) {
		const struct field *f = &n->record->fields[i];
		const struct node *v = node_field(n, i);
		struct where here = { .up = where, .key = f->key };

		if (v && !str_eq(f->key, "contents"))
			check_value(c, f, v, &here);
	}
}

static void check_quotes(struct config *c)
{
	struct where kernel = { .key = "kernel" }, where[2];
	size_t s, i;

	for (i = 0; i < KERNEL_COUNT; i++) {
		struct where here = { .up = &kernel, .key = kernel_record.fields[i].key };

		if (c->kernel[i])
			check_value(c, &kernel_record.fields[i], c->kernel[i], &here);
	}
	for (s = 0; s < SECTIONS; s++) {
		for (i = 0; i < c->sections[s].count; i++) {
			where_entry(where, section_names[s], &c->sections[s].list[i]);
			check_texts(c, c->sections[s].list[i].node, &where[1]);
		}
	}
	for (i = 0; i < c->added.count; i++) {
		where_entry(where, "files", &c->added.list[i]);
		check_texts(c, c->added.list[i].node, &where[1]);
	}
}

/* --- files below mounts of init --------------------------------------------------------------------------------- */

/* What rc.init mounts over, ours and LinuxKit's. */
static const char *const init_mounts[] = { "dev", "proc", "run", "sys", "tmp", "var" };

/* The one of them that a path is below, NULL: none. */
static const char *hidden_by(const char *path)
{
	size_t i, n;

	path += strspn(path, "/.");
	for (i = 0; i < array_len(init_mounts); i++) {
		n = strlen(init_mounts[i]);
		if (str_starts(path, init_mounts[i]) && path[n] == '/' && path[n + strspn(path + n, "/.")])
			return init_mounts[i];
	}
	return NULL;
}

static void check_hidden(struct config *c)
{
	struct where where[2];
	size_t i;

	for (i = 0; c->init.count && i < c->added.count; i++) {
		const struct node *n = c->added.list[i].node, *path = node_field(n, FILE_PATH);
		const char *mount = path ? hidden_by(path->text) : NULL;

		if (!mount)
			continue;
		where_entry(where, "files", &c->added.list[i]);
		diag_warning(&c->diags, path->at, &where[1],
			     "init mounts a file system over /%s: the running machine will not have this", mount);
		if (node_true(n, FILE_DIRECTORY))
			diag_hint(&c->diags, "have a container make it at boot: `runtime: {mkdir: [\"/%s\"]}`",
				  path->text + strspn(path->text, "/."));
		else
			diag_hint(&c->diags, "put it elsewhere, such as below /etc, and bind it from there");
	}
}

void doubts_config(struct config *c)
{
	check_quotes(c);
	check_hidden(c);
}

/* --- containers -------------------------------------------------------------------------------------------------- */

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

/* --- what a label gives ------------------------------------------------------------------------------------------ */

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

void doubts_container(struct assembly *a, const struct spec_input *in, const struct where *where)
{
	check_user(a, in, where);
	if (in->label)
		check_label(a, in, where);
}

/* --- scripts that init starts ------------------------------------------------------------------------------------ */

enum { SCRIPT_HEAD = 256, SCRIPT_MAX = 1 << 20 };

/* The interpreter of a script, into out; false: it is none. */
static bool interpreter(const struct tree_node *n, char out[static SCRIPT_HEAD])
{
	_cleanup_buf_ struct buf text = { 0 };
	const char *p;
	size_t len;

	if (n->inode->type != TREE_FILE || n->inode->size > SCRIPT_MAX || !(n->inode->mode & 0111) ||
	    tree_read(n, SCRIPT_MAX, &text, NULL) < 0 || buf_add(&text, "", 1) < 0 ||
	    !str_starts(buf_text(&text), "#!"))
		return false;
	p = buf_text(&text) + 2;
	p += strspn(p, " \t");
	len = strcspn(p, " \t\r\n");
	if (!len || len >= SCRIPT_HEAD)
		return false;
	memcpy(out, p, len);
	out[len] = '\0';
	return true;
}

/* Where the YAML has the script from: the files section, else an init image. */
static void script_place(const struct assembly *a, const char *path, const struct tree_inode *inode,
			 struct position *at, struct where where[static 2])
{
	const struct entries *files = &a->config->added;
	size_t i;

	for (i = files->count; i > 0; i--) {
		const struct node *named = node_field(files->list[i - 1].node, FILE_PATH);

		if (named && str_eq(named->text + strspn(named->text, "/."), path)) {
			*at = named->at;
			where_entry(where, "files", &files->list[i - 1]);
			return;
		}
	}
	for (i = 0; i < a->script_count; i++) {
		if (a->scripts[i].inode == inode) {
			*at = a->scripts[i].from->node->at;
			where_entry(where, "init", a->scripts[i].from);
			return;
		}
	}
}

static void check_script(struct assembly *a, const char *dir, const struct tree_node *n)
{
	_cleanup_free_ char *path = str_format("%s/%.*s", dir, (int)n->name_len, n->name);
	struct position at = { 0 };
	struct where where[2] = { 0 };
	char program[SCRIPT_HEAD];

	if (!path || !interpreter(n, program) || tree_resolve(a->tree, "", program))
		return;
	script_place(a, path, n->inode, &at, where);
	diag_warning(&a->config->diags, at, where[1].up ? &where[1] : NULL,
		     "/%s needs the interpreter %s, which the root has not", path, program);
	diag_hint(&a->config->diags, "add an init image that has it");
}

static const char *const script_dirs[] = { "etc/init.d", "etc/shutdown.d" };

static void remember_script(struct assembly *a, const struct tree_inode *inode, const struct entry *from)
{
	struct script_origin *grown;
	size_t i;

	for (i = 0; i < a->script_count; i++)
		if (a->scripts[i].inode == inode)
			return;
	grown = reallocarray(a->scripts, a->script_count + 1, sizeof *grown);
	if (!grown)
		return; /* a warning will have no line */
	a->scripts = grown;
	grown[a->script_count++] = (struct script_origin){ inode, from };
}

void doubts_init(struct assembly *a, const struct entry *from)
{
	size_t i;

	for (i = 0; i < array_len(script_dirs); i++) {
		const struct tree_node *dir = tree_resolve(a->tree, "", script_dirs[i]), *n;

		for (n = dir ? dir->children : NULL; n; n = n->next)
			remember_script(a, n->inode, from);
	}
}

void doubts_scripts(struct assembly *a)
{
	size_t i;

	for (i = 0; a->config->init.count && i < array_len(script_dirs); i++) {
		const struct tree_node *dir = tree_resolve(a->tree, "", script_dirs[i]), *n;

		for (n = dir ? dir->children : NULL; n; n = n->next)
			check_script(a, script_dirs[i], n);
	}
}
