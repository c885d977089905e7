/* What formats.c and formats_disk.c share. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "formats_private.h"
#include "log.h"

/* In a folder where nothing can be made the error is all there is to say. */
int format_begin(const char *path, struct error *err)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *dir = slash ? strndup(path, slash > path ? (size_t)(slash - path) : 1) : strdup(".");

	if (!dir)
		return error_set(err, ENOMEM, "%s", path);
	if (access(path, F_OK) < 0 && access(dir, F_OK) == 0 && access(dir, W_OK | X_OK) < 0)
		return error_set(err, errno, "%s: cannot be created", path);
	log_info("  %s", path);
	return 0;
}

const struct tree_node *init_program(const struct outputs *x)
{
	const struct tree_node *n = tree_find(x->a->tree, "init");

	return n && n->inode->type == TREE_FILE ? n : NULL;
}

void warn_xattrs(const struct outputs *x, const char *format)
{
	const struct tree_node *n = tree_with_xattrs(x->a->tree->root);
	_cleanup_free_ char *path = n ? tree_path(n) : NULL;

	if (n)
		log_warn("%s holds no extended attributes: /%s loses %s (and there may be more)", format,
			 path ? path : "", n->inode->xattrs->name);
}

/* cpio has 32 bits for a time. */
static void warn_times(const struct outputs *x)
{
	const struct tree_node *n = tree_with_time(x->a->tree->root, 0, UINT32_MAX);
	_cleanup_free_ char *path = n ? tree_path(n) : NULL;

	if (n)
		log_warn("a plain initrd holds times from 1970 to 2106: /%s gets the nearest (and there may be more)",
			 path ? path : "");
}

int write_initrd(struct outputs *x, struct outfile_set *set, const char *path, bool with_ucode, struct error *err)
{
	struct output_initrd how = {
		.root = x->root, .zip = x->zip, .level = x->zip_level, .init = init_program(x), .early = x->early
	};

	if (x->root == OUTPUT_PLAIN) {
		warn_xattrs(x, "a plain initrd");
		warn_times(x);
	}
	if (with_ucode)
		how.ucode = tree_find(x->boot, "ucode.cpio");
	return output_initrd(x->a->tree, &how, set, path, err);
}

void warn_modules(const struct outputs *x, enum build_format format)
{
	if (tree_find(x->early, "early"))
		log_warn("%s: to boot from this takes a kernel with its drivers built in, and this one has modules",
			 format_names[format]);
}
