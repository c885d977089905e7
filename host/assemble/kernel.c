/* The kernel section: boot/kernel, boot/cmdline, boot/ucode.cpio and the tree of the kernel's archive. */
#include <errno.h>
#include <string.h>

#include "assemble_private.h"
#include "input_tar.h"
#include "kernel_format.h"
#include "layers.h"
#include "str.h"

struct wanted {
	const char *names[4]; /* binary, tar, ucode, the archive without modules; NULL: not wanted */
};

/* A file of the image is one of the three, the first that asks for its name; NULL: another one has it. */
static const char *unless_taken(const struct wanted *w, const char *name)
{
	size_t i;

	for (i = 0; name && i < array_len(w->names); i++)
		if (w->names[i] && str_eq(w->names[i], name))
			return NULL;
	return name && *name ? name : NULL;
}

static int only_wanted(void *data, const char *path, struct tree_node *node, struct error *err)
{
	const struct wanted *w = data;
	size_t i;

	(void)node;
	(void)err;
	for (i = 0; i < array_len(w->names); i++)
		if (w->names[i] && str_eq(w->names[i], path))
			return TREE_KEEP;
	return TREE_DROP;
}

static const char *kernel_text(const struct assembly *a, size_t field)
{
	return a->config->kernel[field] ? a->config->kernel[field]->text : NULL;
}

/* Reports what the image lacks; names the files that it has instead. */
static void report_missing(struct assembly *a, size_t field, const char *name, const char *what)
{
	const struct node *at = a->config->kernel[field], *image = a->config->kernel[KERNEL_IMAGE];
	struct where where = { .key = "kernel" };

	diag_error(&a->config->diags, at ? at->at : image->at, &where, "the image %s has no %s \"%s\"", image->text,
		   what, name);
	if (field == KERNEL_TAR)
		diag_hint(&a->config->diags, "write `tar: none` where the kernel needs no further files");
	else
		diag_hint(&a->config->diags,
			  "`binary:` names the kernel's file in the image, without \"/\" or \"./\" in front");
}

/* A regular file of the image at a fixed place of the tree. */
static struct tree_node *kernel_place(struct assembly *a, const char *path, const struct tree_node *from,
				      struct error *err)
{
	struct tree_node *n = tree_add_copy(a->tree, path, from, err);

	if (!n)
		return NULL;
	n->inode->uid = n->inode->gid = 0;
	n->inode->mtime = ASSEMBLY_TIME;
	n->inode->mtime_nsec = 0;
	return n;
}

static bool kernel_usable(struct assembly *a, const struct tree_node *n, size_t field, const char *name,
			  const char *what)
{
	if (n && n->inode->type == TREE_FILE)
		return true;
	report_missing(a, field, name, what);
	return false;
}

/* That of the YAML, and what an image of the init section says of containerd by a label where the YAML says nothing. */
static char *cmdline_make(const struct assembly *a)
{
	const char *cmdline = kernel_text(a, KERNEL_CMDLINE), *when = assembly_init_label(a, "org.pith.containerd"),
		   *idle = assembly_init_label(a, "org.pith.containerd.idle");
	_cleanup_strv_ char **words = NULL;
	int r = 0;

	if (cmdline && *cmdline)
		r |= strv_add(&words, cmdline);
	if (when && (str_eq(when, "always") || str_eq(when, "lazy")) &&
	    !(cmdline && strstr(cmdline, "pith.containerd=")))
		r |= strv_addf(&words, "pith.containerd=%s", when);
	if (idle && *idle && !idle[strspn(idle, "0123456789")] &&
	    !(cmdline && strstr(cmdline, "pith.containerd.idle=")))
		r |= strv_addf(&words, "pith.containerd.idle=%s", idle);
	if (r < 0)
		return NULL;
	return words ? strv_join(words, " ") : strdup("");
}

static int add_kernel(struct assembly *a, const struct tree_node *kernel, struct error *err)
{
	_cleanup_free_ char *cmdline = cmdline_make(a);
	struct tree_meta dir = fixed_meta(0755), file = fixed_meta(0644);
	struct tree_node *n;

	if (!cmdline)
		return error_set(err, ENOMEM, "boot/cmdline");
	if (!tree_add_dir(a->tree, "boot", &dir, err) ||
	    !tree_add_bytes(a->tree, "boot/cmdline", &file, cmdline, strlen(cmdline), err))
		return -1;
	n = kernel_place(a, "boot/kernel", kernel, err);
	if (!n)
		return -1;
	return a->options->decompress_kernel ? kernel_decompress(a->tree, "boot/kernel", err) : 0;
}

/* The image's three files; `files` is a tree with nothing else in it. */
static int add_files(struct assembly *a, const struct tree *files, const struct wanted *w, struct error *err)
{
	const struct tree_node *kernel = w->names[0] ? tree_find(files, w->names[0]) : NULL, *archive, *ucode, *bare;

	if (!kernel_usable(a, kernel, KERNEL_BINARY, w->names[0] ? w->names[0] : "", "kernel"))
		return 0;
	if (add_kernel(a, kernel, err) < 0)
		return -1;
	archive = w->names[1] ? tree_find(files, w->names[1]) : NULL;
	if (w->names[1] && !kernel_usable(a, archive, KERNEL_TAR, w->names[1], "archive"))
		return 0;
	bare = w->names[3] ? tree_find(files, w->names[3]) : NULL;
	if (bare && bare->inode->type == TREE_FILE && bare->inode->size > 0) {
		archive = bare;
		a->bare_modules = true;
	}
	if (archive && tree_add_archive_node(a->tree, "", archive, NULL, NULL, err) < 0)
		return -1;
	ucode = w->names[2] ? tree_find(files, w->names[2]) : NULL;
	if (ucode && ucode->inode->type == TREE_FILE && !kernel_place(a, "boot/ucode.cpio", ucode, err))
		return -1;
	return 0;
}

/* The whole of it comes from the input archive, but for the command line; only where the YAML names no files of the
 * image itself, the kernel stays as it is, and the same modules are wanted in any case. 1: it does. */
static int kernel_take(struct assembly *a, struct error *err)
{
	_cleanup_free_ char *cmdline = cmdline_make(a);
	struct tree_meta file = fixed_meta(0644);
	int r;

	if (kernel_text(a, KERNEL_TAR) || kernel_text(a, KERNEL_BINARY) || kernel_text(a, KERNEL_UCODE) ||
	    a->options->decompress_kernel || modules_bare(a))
		return 0;
	r = input_tar_take(a, "", err);
	if (r <= 0)
		return r;
	if (!cmdline)
		return error_set(err, ENOMEM, "boot/cmdline");
	input_tar_tell(a, NULL, NULL);
	return tree_add_bytes(a->tree, "boot/cmdline", &file, cmdline, strlen(cmdline), err) ? 1 : -1;
}

void kernel_add(struct assembly *a)
{
	const char *tar = kernel_text(a, KERNEL_TAR), *binary = kernel_text(a, KERNEL_BINARY);
	const struct node *image = a->config->kernel[KERNEL_IMAGE];
	_cleanup_error_ struct error err = { 0 };
	_cleanup_tree_ struct tree *files = NULL;
	struct where where = { .key = "kernel" };
	struct wanted w = { { NULL } };
	int r;

	if (!image)
		return;
	w.names[0] = binary ? binary : "kernel";
	if (!tar)
		tar = KERNEL_ARCHIVE;
	if (*tar && !str_eq(tar, "none")) {
		w.names[1] = unless_taken(&w, tar);
		if (!w.names[1]) {
			report_missing(a, KERNEL_TAR, tar, "archive besides the kernel");
			return;
		}
	}
	w.names[2] = unless_taken(&w, kernel_text(a, KERNEL_UCODE));
	w.names[3] = unless_taken(&w, modules_bare(a));
	files = tree_new(&err);
	r = files ? origin_begin(a, assembly_find(a, image->text)->name, "kernel", ORIGIN_SECTION, &err) : -1;
	if (r == 0)
		r = kernel_take(a, &err);
	if (r > 0)
		return;
	if (r < 0 || image_unpack(files, "", assembly_find(a, image->text)->image, only_wanted, &w, &err) < 0 ||
	    add_files(a, files, &w, &err) < 0)
		image_report(a, image, &where, &err);
}
