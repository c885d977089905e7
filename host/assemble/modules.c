/* Which of a kernel image's two archives of modules goes into the root.
 *
 * A kernel image may have, besides its archive, one for machines that load nothing: the same folder of lib/modules
 * without a module and with tables that say so. Its label org.pith.kernel.bare names that one. kernel_add() takes it at
 * first; each container says by container_wants_modules() whether it might load some; and modules_add() then puts the
 * whole archive over it. */
#include <string.h>

#include "assemble_private.h"
#include "layers.h"

static const char wants_label[] = "org.pith.kernel.modules";

/* "none", or the names of modules, for people. */
static bool label_wants(const char *label)
{
	return *label && !str_eq(label, "none");
}

/* A list of capabilities with which modules are loaded: by itself, or since a file system is mounted. */
static bool list_loads(const struct node *list)
{
	static const char *const loads[] = { "all", "CAP_SYS_ADMIN", "CAP_SYS_MODULE", NULL };

	for (size_t i = 0; list && i < list->count; i++)
		if (list->items[i]->text && strv_has((char *const *)loads, list->items[i]->text))
			return true;
	return false;
}

bool container_wants_modules(const struct spec_input *in, const struct image *image)
{
	const char *label = image_label(image, wants_label);
	const struct node *list = node_field(in->entry->node, CONTAINER_CAPABILITIES);

	if (label)
		return label_wants(label);
	if (!list)
		list = node_field(in->label, CONTAINER_CAPABILITIES);
	return list_loads(list) || list_loads(node_field(in->entry->node, CONTAINER_CAPABILITIES_ADD));
}

const char *modules_bare(const struct assembly *a)
{
	const char *bare = assembly_kernel_label(a, "org.pith.kernel.bare");

	return bare && *bare && !a->config->kernel[KERNEL_TAR] ? bare : NULL;
}

static int only_archive(void *data, const char *path, struct tree_node *node, struct error *err)
{
	(void)data;
	(void)node;
	(void)err;
	return str_eq(path, KERNEL_ARCHIVE) ? TREE_KEEP : TREE_DROP;
}

static int archive_add(struct assembly *a, const struct loaded_image *from, struct error *err)
{
	_cleanup_tree_ struct tree *files = tree_new(err);
	const struct tree_node *archive;

	if (!files || origin_begin(a, from->name, "kernel", ORIGIN_SECTION, err) < 0 ||
	    image_unpack(files, "", from->image, only_archive, NULL, err) < 0)
		return -1;
	archive = tree_find(files, KERNEL_ARCHIVE);
	return archive ? tree_add_archive_node(a->tree, "", archive, NULL, NULL, err) : 0;
}

void modules_add(struct assembly *a)
{
	const struct node *image = a->config->kernel[KERNEL_IMAGE];
	const char *init = assembly_init_label(a, wants_label);
	struct where where = { .key = "kernel" };
	_cleanup_error_ struct error err = { 0 };

	if (!a->bare_modules || !(a->wants_modules || (init && label_wants(init))))
		return;
	if (archive_add(a, assembly_find(a, image->text), &err) < 0)
		image_report(a, image, &where, &err);
}
