/* The list of Debian packages in an image, for those who ask what is in it (an SBOM, a scanner for vulnerabilities):
 * status.d, as images without dpkg have it. One file for all of an image's packages: each file costs a page of memory
 * in a machine that runs from its initramfs. It has the image's name, so that images that share a root do not replace
 * each other's. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "package_private.h"
#include "sources.h"
#include "str.h"

#define STATUS_DIR "var/lib/dpkg/status.d"

static void files_mark(const struct debian *debs, const struct tree_node *dir, bool *has)
{
	const struct tree_node *n;
	size_t i;

	for (n = dir->children; n; n = n->next) {
		if (n->inode->type == TREE_DIR)
			files_mark(debs, n, has);
		if (n->inode->type != TREE_FILE || n->inode->content != CONTENT_FILE)
			continue;
		for (i = 0; i < debs->count; i++)
			if (debs->list[i].dir && path_is_below(n->inode->path, debs->list[i].dir))
				has[i] = true;
	}
}

int package_add_status(const struct package *p, struct tree *t, struct error *err)
{
	const char *slash = strrchr(p->image, '/');
	_cleanup_free_ char *path = str_format(STATUS_DIR "/%s", slash ? slash + 1 : p->image);
	_cleanup_free_ bool *has = calloc(p->debs.count + 1, sizeof(*has));
	_cleanup_(buf_free) struct buf text = { 0 };
	int failed = !path || !has;
	size_t i;

	if (!failed)
		files_mark(&p->debs, t->root, has);
	for (i = 0; !failed && i < p->debs.count; i++) {
		if (!has[i])
			continue;
		failed = text.len ? buf_addstr(&text, "\n") : 0;
		failed |= control_write(&p->debs.list[i].control, &text);
	}
	if (failed)
		return error_set(err, ENOMEM, "list of Debian packages");
	if (!text.len)
		return 0;
	return tree_add_bytes(t, path, &(struct tree_meta){ .mode = 0644 }, buf_bytes(&text), text.len, err) ? 0 : -1;
}
