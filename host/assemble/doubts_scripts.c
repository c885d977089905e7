/* Doubts about the scripts that init starts: each needs its interpreter in the root. */
#include <stdlib.h>
#include <string.h>

#include "doubts.h"
#include "str.h"

enum { SCRIPT_HEAD = 256, SCRIPT_MAX = 1 << 20 };

/* The interpreter of a script, into out; false: it is none. */
static bool script_interpreter(const struct tree_node *n, char out[static SCRIPT_HEAD])
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

	if (!path || !script_interpreter(n, program) || tree_resolve(a->tree, "", program))
		return;
	script_place(a, path, n->inode, &at, where);
	diag_warning(&a->config->diags, at, where[1].up ? &where[1] : NULL,
		     "/%s needs the interpreter %s, which the root has not", path, program);
	diag_hint(&a->config->diags, "add an init image that has it");
}

static const char *const script_dirs[] = { "etc/init.d", "etc/shutdown.d" };

static void script_remember(struct assembly *a, const struct tree_inode *inode, const struct entry *from)
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
			script_remember(a, n->inode, from);
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
