/* What the files that write formats share. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "formats_private.h"
#include "log.h"
#include "media.h"

enum { CMDLINE_READ_MAX = 64 << 10 };

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
	struct verity v;

	if (x->root == OUTPUT_PLAIN) {
		warn_xattrs(x, "a plain initrd");
		warn_times(x);
	}
	if (with_ucode)
		how.ucode = tree_find(x->boot, "ucode.cpio");
	if (x->o->verity)
		how.verity = &v;
	if (output_initrd(x->a->tree, &how, set, path, err) < 0)
		return -1;
	return how.verity ? verity_note(x, how.verity, err) : 0;
}

int write_bare(struct outputs *x, struct outfile_set *set, const char *path, struct error *err)
{
	struct output_initrd how = { .root = OUTPUT_BARE,
				     .init = init_program(x),
				     .early = x->early,
				     .ucode = tree_find(x->boot, "ucode.cpio") };

	return output_initrd(x->a->tree, &how, set, path, err);
}

/* --- what disks, CDs and cards are made of ----------------------------------------------------------------------- */

int boot_kernel(struct outputs *x, struct error *err)
{
	const struct tree_node *n = tree_find(x->boot, "kernel");

	if (x->kernel)
		return 0;
	if (!n)
		return error_set(err, 0, "there is no kernel to boot: the YAML needs a kernel section");
	if (!x->temp.path && temp_dir_make(&x->temp, NULL, err) < 0)
		return -1;
	x->kernel = str_format("%s/kernel", x->temp.path);
	if (!x->kernel)
		return error_set(err, ENOMEM, "kernel");
	return output_node(n, NULL, x->kernel, err);
}

int boot_initrd(struct outputs *x, struct error *err)
{
	if (x->initrd)
		return 0;
	x->initrd = str_format("%s/initrd.img", x->temp.path);
	if (!x->initrd)
		return error_set(err, ENOMEM, "initrd");
	return write_initrd(x, NULL, x->initrd, true, err);
}

/* The image with its tree as a file, for a partition. */
int boot_root(struct outputs *x, struct error *err)
{
	struct verity v;

	if (x->image)
		return 0;
	x->image = str_format("%s/root.img", x->temp.path);
	if (!x->image)
		return error_set(err, ENOMEM, "root");
	if (output_verified(x->a->tree, x->root, NULL, x->image, &v, err) < 0)
		return -1;
	return verity_note(x, &v, err);
}

int boot_bare(struct outputs *x, struct error *err)
{
	if (x->bare)
		return 0;
	x->bare = str_format("%s/bare.img", x->temp.path);
	if (!x->bare)
		return error_set(err, ENOMEM, "initrd");
	return write_bare(x, NULL, x->bare, err);
}

int boot_cmdline(const struct outputs *x, const char *root, char **out, struct error *err)
{
	const struct tree_node *n = tree_find(x->boot, "cmdline");
	_cleanup_buf_ struct buf text = { 0 };
	_cleanup_free_ char *verified = verity_words(x);
	const char *line;

	if (n && tree_read(n, CMDLINE_READ_MAX, &text, err) < 0)
		return -1;
	if (!verified)
		return error_set(err, ENOMEM, "command line");
	line = buf_text(&text);
	if (!root || strstr(line, "root="))
		root = "";
	*out = str_format("%s%s%s%s%s", line, *line && *root ? " " : "", root, (*line || *root) && *verified ? " " : "",
			  verified);
	if (!*out)
		return error_set(err, ENOMEM, "command line");
	/* or the digest would be cut off, and nothing checked */
	if (*verified && strlen(*out) > MEDIA_CMDLINE_MAX)
		return error_say(err, E2BIG,
				 "--verity: with the root's digest the kernel's command line has %zu bytes, and the "
				 "kernel takes %d: shorten kernel.cmdline",
				 strlen(*out), MEDIA_CMDLINE_MAX);
	return 0;
}

static bool label_has(const char *list, const char *word)
{
	_cleanup_strv_ char **words = list ? strv_split(list, " ,") : NULL;

	return words && strv_has(words, word);
}

bool init_can(const struct outputs *x, const char *word)
{
	return label_has(assembly_init_label(x->a, INIT_ROOT_LABEL), word);
}

bool kernel_can(const struct outputs *x, const char *word)
{
	return label_has(assembly_kernel_label(x->a, KERNEL_ROOT_LABEL), word);
}
