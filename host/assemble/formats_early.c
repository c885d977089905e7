/* Modules that /init needs before it can mount its root: the kernel image's archive lists them in load order, in
 * lib/modules/VERSION, those of a root that is checked in a list of their own. */
#include <errno.h>
#include <string.h>

#include "formats_private.h"

enum { MODULE_LIST_MAX = 64 << 10 };

static int early_add(struct outputs *x, const char *version, const char *list, const char *module, size_t number,
		     struct error *err)
{
	_cleanup_free_ char *from = str_format("lib/modules/%s/%s", version, module);
	const char *name = strrchr(module, '/');
	_cleanup_free_ char *to = str_format("early/%02zu-%s", number, name ? name + 1 : module);
	const struct tree_node *n;

	if (!from || !to)
		return error_set(err, ENOMEM, "%s", module);
	n = tree_resolve(x->a->tree, "", from);
	if (!n)
		return error_set(err, 0, "lib/modules/%s/%s names %s, which the kernel's archive does not have",
				 version, list, module);
	return tree_add_copy(x->early, to, n, err) ? 0 : -1;
}

/* number: of the next module, over all lists. */
static int early_read(struct outputs *x, const char *version, const char *name, size_t *number, struct error *err)
{
	_cleanup_free_ char *path = str_format("lib/modules/%s/%s", version, name);
	const struct tree_node *list = path ? tree_resolve(x->a->tree, "", path) : NULL;
	_cleanup_buf_ struct buf text = { 0 };
	_cleanup_strv_ char **lines = NULL;

	if (!path)
		return error_set(err, ENOMEM, "%s", name);
	if (!list || list->inode->type != TREE_FILE)
		return 0;
	if (tree_read(list, MODULE_LIST_MAX, &text, err) < 0)
		return -1;
	lines = strv_split(buf_text(&text), "\r\n");
	for (size_t i = 0; lines && lines[i]; i++)
		if (lines[i][0] != '#' && early_add(x, version, name, lines[i], (*number)++, err) < 0)
			return -1;
	return 0;
}

int early_find(struct outputs *x, struct error *err)
{
	const struct tree_node *modules = tree_resolve(x->a->tree, "", "lib/modules"), *v;

	x->early = tree_new(err);
	if (!x->early)
		return -1;
	for (v = modules ? modules->children : NULL; v; v = v->next) {
		size_t number = 0;

		if (early_read(x, v->name, "modules.early", &number, err) < 0 ||
		    (x->o->verity && early_read(x, v->name, "modules.verity", &number, err) < 0))
			return -1;
	}
	return 0;
}
