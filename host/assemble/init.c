/* The init section: its images, one over the other, are the root. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assemble_private.h"
#include "bill.h"
#include "doubts.h"
#include "input_tar.h"
#include "str.h"

static const char apk_database[] = "lib/apk/db/installed";
enum { APK_MAX = 16 << 20 };

/* Alpine's list of packages: of several images that have one, the root gets all after each other. */
static int packages_add(struct assembly *a, struct buf *all, struct error *err)
{
	const struct tree_node *n = tree_resolve(a->tree, "", apk_database);

	if (!n || n->inode->type != TREE_FILE)
		return 0;
	if (all->len + n->inode->size > APK_MAX)
		return error_set(err, EFBIG, "%s", apk_database);
	if (tree_read(n, APK_MAX, all, err) < 0)
		return -1;
	return buf_addstr(all, "\n\n") < 0 ? error_set(err, ENOMEM, "%s", apk_database) : 0;
}

static int packages_set(struct assembly *a, const struct buf *all, struct error *err)
{
	static const struct tree_meta meta = { .mode = 0644 };
	const struct tree_node *n = tree_resolve(a->tree, "", apk_database); /* its lib may be a link */
	_cleanup_free_ char *path = n ? tree_path(n) : strdup(apk_database);

	if (!path)
		return error_set(err, ENOMEM, "%s", apk_database);
	if (origin_begin(a, "LINUXKIT.apkinit", "init", ORIGIN_SECTION, err) < 0)
		return -1;
	return tree_add_bytes(a->tree, path, &meta, buf_bytes(all), all->len, err) ? 0 : -1;
}

static int init_add_image(struct assembly *a, size_t i, bool *packages, struct error *err)
{
	const struct loaded_image *img = assembly_find(a, a->config->init.list[i].node->text);

	if (origin_begin(a, img->name, "init", i, err) < 0)
		return -1;
	if (root_add(a, "", img->image, ROOT_RESOLV_LINK, packages, err) < 0)
		return -1;
	input_tar_tell(a, NULL, NULL);
	return 0;
}

void init_add(struct assembly *a)
{
	_cleanup_buf_ struct buf all = { 0 };
	size_t i, databases = 0;
	struct where where[2];

	for (i = 0; i < a->config->init.count; i++) {
		const struct entry *e = &a->config->init.list[i];
		_cleanup_error_ struct error err = { 0 };
		bool packages = false;
		int r;

		r = init_add_image(a, i, &packages, &err);
		if (r == 0 && a->bill)
			r = bill_note_databases(a, i, &err);
		if (r == 0 && packages)
			r = packages_add(a, &all, &err);
		databases += packages;
		if (r == 0 && databases > 1)
			r = packages_set(a, &all, &err);
		doubts_init(a, e);
		where_entry(where, "init", e);
		if (r < 0)
			image_report(a, e->node, &where[1], &err);
	}
}
