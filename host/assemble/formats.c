/* From the tree to files. All of them stay nameless until the last one is written, then all get their names.
 *
 *   formats_write()
 *     split_boot()    the kernel's files are taken out of the tree, except for the formats that want the whole tree
 *     write_all()     each format that was asked for (write_format); disks and bootable ISO images: formats_disk.c,
 *                     cards: formats_rpi3.c; disks with two systems, and their updates: formats_ab.c */
#include "formats.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bill.h"
#include "formats_private.h"
#include "io.h"
#include "log.h"
#include "outlock.h"
#include "sign.h"

/* --- splitting ----------------------------------------------------------------------------------------------- */

static int boot_take(struct outputs *x, const char *from, const char *to, struct error *err)
{
	const struct tree_node *n = tree_resolve(x->a->tree, "", from);

	if (!n || n->inode->type != TREE_FILE)
		return 0;
	return tree_add_copy(x->boot, to, n, err) ? 0 : -1;
}

/* The device trees of one maker's boards, which a kernel's archive has for arm64. */
static int boot_take_trees(struct outputs *x, struct error *err)
{
	static const char dir[] = "dtb/broadcom";
	const struct tree_node *from = tree_resolve(x->a->tree, "", "boot/dtb/broadcom"), *n;

	for (n = from ? from->children : NULL; n; n = n->next) {
		_cleanup_free_ char *to = str_format("%s/%s", dir, n->name);

		if (!to)
			return error_set(err, ENOMEM, "%s", dir);
		if (n->inode->type == TREE_FILE && !tree_add_copy(x->boot, to, n, err))
			return -1;
	}
	return 0;
}

/* The kernel's files go beside the root file system; the directory stays, empty. */
static int split_boot(struct outputs *x, struct error *err)
{
	const struct tree_node *boot;
	_cleanup_free_ char *path = NULL;
	struct tree_meta meta;

	x->boot = tree_new(err);
	if (!x->boot || boot_take(x, "boot/kernel", "kernel", err) < 0 ||
	    boot_take(x, "boot/cmdline", "cmdline", err) < 0 || boot_take(x, "boot/ucode.cpio", "ucode.cpio", err) < 0)
		return -1;
	if (x->a->bill)
		bill_set_boot(x->a->bill, x->boot);
	if (x->o->formats[FORMAT_RPI3] && boot_take_trees(x, err) < 0)
		return -1;
	boot = tree_resolve(x->a->tree, "", "boot");
	if (!boot || boot->inode->type != TREE_DIR)
		return 0;
	path = tree_path(boot);
	if (!path)
		return error_set(err, ENOMEM, "boot");
	meta = (struct tree_meta){ boot->inode->mode, boot->inode->uid, boot->inode->gid, boot->inode->mtime };
	tree_remove(x->a->tree, path);
	return tree_add_dir(x->a->tree, path, &meta, err) ? 0 : -1;
}

/* --- what an initrd holds ---------------------------------------------------------------------------------------- */

static bool both_mount(const struct outputs *x, const char *type)
{
	return init_can(x, type) && kernel_can(x, type);
}

static bool in_path(const char *program)
{
	const char *path = getenv("PATH");
	_cleanup_strv_ char **dirs = strv_split(path ? path : "/usr/sbin:/usr/bin:/sbin:/bin", ":");
	char **d;

	for (d = dirs; d && *d; d++) {
		_cleanup_free_ char *full = str_format("%s/%s", *d, program);

		if (full && access(full, X_OK) == 0)
			return true;
	}
	return false;
}

static int choose_root(struct outputs *x, struct error *err)
{
	const enum initrd_kind kind = x->o->initrd;

	x->root = OUTPUT_PLAIN;
	if (kind == INITRD_PLAIN)
		return 0;
	if (kind != INITRD_AUTO && !init_program(x))
		return error_set(err, 0, "--initrd %s: the init images have no program /init",
				 kind == INITRD_EROFS ? "erofs" : "squashfs");
	if (kind == INITRD_EROFS)
		x->root = OUTPUT_EROFS;
	else if (kind == INITRD_SQUASHFS)
		x->root = OUTPUT_SQUASHFS;
	else if (init_program(x) && both_mount(x, "erofs") && in_path("mkfs.erofs"))
		x->root = OUTPUT_EROFS;
	else if (init_program(x) && both_mount(x, "squashfs") && in_path("sqfstar"))
		x->root = OUTPUT_SQUASHFS;
	return 0;
}

/* --- files -------------------------------------------------------------------------------------------------------- */

/* One file of the boot tree as BASE-SUFFIX; a former build's is removed where there is none now. */
static int write_boot(struct outputs *x, const char *name, struct error *err)
{
	_cleanup_free_ char *path = str_format("%s-%s", x->base, name);
	const struct tree_node *n = tree_find(x->boot, name);

	if (!path)
		return error_set(err, ENOMEM, "%s", name);
	if (!n)
		return outfile_set_remove(&x->set, path, err);
	if (outfile_set_has(&x->set, path)) /* of another format in the same run */
		return 0;
	if (format_begin(path, err) < 0)
		return -1;
	return output_node(n, &x->set, path, err);
}

/* Of a verified root it says more than the YAML. */
static int write_cmdline(struct outputs *x, struct error *err)
{
	_cleanup_free_ char *path = str_format("%s-cmdline", x->base), *line = NULL;

	if (!x->verified)
		return write_boot(x, "cmdline", err);
	if (!path)
		return error_set(err, ENOMEM, "cmdline");
	if (outfile_set_has(&x->set, path))
		return 0;
	if (format_begin(path, err) < 0 || boot_cmdline(x, NULL, &line, err) < 0)
		return -1;
	return output_bytes(line, strlen(line), &x->set, path, err);
}

static int kernel_initrd(struct outputs *x, struct error *err)
{
	_cleanup_free_ char *path = str_format("%s-initrd.img", x->base);

	if (!path)
		return error_set(err, ENOMEM, "initrd");
	if (format_begin(path, err) < 0)
		return -1;
	if (write_initrd(x, &x->set, path, true, err) < 0 || write_boot(x, "kernel", err) < 0)
		return -1;
	return write_cmdline(x, err);
}

/* The whole tree in an archive that nobody has to unpack first: it is what follows other archives in an enclave. */
static int kernel_initrd_plain(struct outputs *x, struct error *err)
{
	enum output_root root = x->root;
	enum zip zip = x->zip;
	int r;

	x->zip = ZIP_NONE;
	if (x->o->initrd == INITRD_AUTO)
		x->root = OUTPUT_PLAIN;
	r = kernel_initrd(x, err);
	x->root = root;
	x->zip = zip;
	return r;
}

/* An image as a disk, and what has to be in front of it when it is checked: PID 1. */
static int kernel_verified(struct outputs *x, enum output_root root, const char *path, struct error *err)
{
	_cleanup_free_ char *initrd = str_format("%s-verity.img", x->base);
	struct verity v;

	if (!initrd)
		return error_set(err, ENOMEM, "initrd");
	if (output_verified(x->a->tree, root, &x->set, path, &v, err) < 0 || verity_note(x, &v, err) < 0)
		return -1;
	if (outfile_set_has(&x->set, initrd))
		return 0;
	return format_begin(initrd, err) < 0 ? -1 : write_bare(x, &x->set, initrd, err);
}

static int output_data_iso(const struct tree *t, struct outfile_set *set, const char *path, struct error *err)
{
	return output_iso(t, ISO_DATA, set, path, err);
}

static int kernel_image(struct outputs *x, enum build_format format, struct error *err)
{
	static const struct {
		const char *suffix;
		int (*output)(const struct tree *t, struct outfile_set *set, const char *path, struct error *err);
		enum output_root root;
	} kinds[FORMATS] = {
		[FORMAT_KERNEL_SQUASHFS] = { "-squashfs.img", output_squashfs, OUTPUT_SQUASHFS },
		[FORMAT_KERNEL_EROFS] = { "-erofs.img", output_erofs, OUTPUT_EROFS },
		[FORMAT_KERNEL_ISO] = { ".iso", output_data_iso, OUTPUT_PLAIN },
	};
	_cleanup_free_ char *path = str_format("%s%s", x->base, kinds[format].suffix);

	if (!path)
		return error_set(err, ENOMEM, "image");
	if (format == FORMAT_KERNEL_ISO)
		warn_xattrs(x, "an ISO image");
	if (format_begin(path, err) < 0)
		return -1;
	if (x->o->verity ? kernel_verified(x, kinds[format].root, path, err) < 0
			 : kinds[format].output(x->a->tree, &x->set, path, err) < 0)
		return -1;
	return write_boot(x, "kernel", err) < 0 ? -1 : write_cmdline(x, err);
}

static int cmdline_put(const struct outputs *x, struct tree *t, const struct tree_meta *meta, struct error *err)
{
	_cleanup_free_ char *line = NULL;

	if (boot_cmdline(x, NULL, &line, err) < 0)
		return -1;
	return tree_add_bytes(t, "cmdline", meta, line, strlen(line), err) ? 0 : -1;
}

/* BASE-initrd.tar: kernel, initrd.img, cmdline, ucode.cpio. */
static int tar_kernel_initrd(struct outputs *x, struct error *err)
{
	static const char *const parts[] = { "kernel", "cmdline", "ucode.cpio" };
	_cleanup_temp_dir_ struct temp_dir temp = TEMP_DIR_INIT;
	_cleanup_free_ char *initrd = NULL, *path = str_format("%s-initrd.tar", x->base);
	_cleanup_tree_ struct tree *t = tree_new(err);
	struct tree_meta meta = fixed_meta(0644);
	size_t i;

	if (!t || temp_dir_make(&temp, NULL, err) < 0)
		return -1;
	initrd = str_format("%s/initrd.img", temp.path);
	if (!initrd || !path)
		return error_set(err, ENOMEM, "initrd");
	if (format_begin(path, err) < 0)
		return -1;
	if (write_initrd(x, NULL, initrd, false, err) < 0 || !tree_add_file(t, "initrd.img", &meta, initrd, err))
		return -1;
	for (i = 0; i < array_len(parts); i++) {
		const struct tree_node *from = tree_find(x->boot, parts[i]);
		struct tree_node *n;

		if (!from)
			continue;
		n = tree_add_copy(t, parts[i], from, err);
		if (!n)
			return -1;
		n->inode->mode = 0644;
	}
	if (x->verified && cmdline_put(x, t, &meta, err) < 0)
		return -1;
	return output_tar(t, &x->set, path, ZIP_NONE, err);
}

static int stream_out(const struct tree *t, struct error *err)
{
	_cleanup_sink_ struct sink *out = sink_to_fd(STDOUT_FILENO, "standard output", err);

	return out && tree_write_tar(t, out, err) == 0 ? sink_finish(out, err) : -1;
}

static int write_tar(struct outputs *x, enum build_format format, struct error *err)
{
	_cleanup_free_ char *path = NULL;

	if (x->o->output && str_eq(x->o->output, "-"))
		return stream_out(x->a->tree, err);
	path = x->o->output ? strdup(x->o->output) : str_format("%s.%s", x->base, format_names[format]);
	if (!path)
		return error_set(err, ENOMEM, "tar");
	if (format_begin(path, err) < 0)
		return -1;
	return output_tar(x->a->tree, &x->set, path, ZIP_NONE, err);
}

static int write_format(struct outputs *x, enum build_format format, struct error *err)
{
	switch (format) {
	case FORMAT_TAR:
	case FORMAT_DOCKER:
		return write_tar(x, format, err);
	case FORMAT_RPI3:
		return write_rpi3(x, err);
	case FORMAT_UPDATE:
		return write_update(x, err);
	case FORMAT_KERNEL_INITRD:
		return kernel_initrd(x, err);
	case FORMAT_KERNEL_INITRD_NOGZ:
		return kernel_initrd_plain(x, err);
	case FORMAT_TAR_KERNEL_INITRD:
		return tar_kernel_initrd(x, err);
	case FORMAT_KERNEL_SQUASHFS:
	case FORMAT_KERNEL_EROFS:
	case FORMAT_KERNEL_ISO:
		return kernel_image(x, format, err);
	default:
		return write_disk(x, format, err);
	}
}

static int write_all(struct outputs *x, struct error *err)
{
	size_t i;

	if (!x->o->formats[FORMAT_TAR] && !x->o->formats[FORMAT_DOCKER] &&
	    (split_boot(x, err) < 0 || choose_root(x, err) < 0 || early_find(x, err) < 0))
		return -1;
	if (x->o->verity && !init_can(x, "verity"))
		return error_say(err, ENOTSUP,
				 "--verity: no init image says that its /init checks a root (label %s: verity)",
				 INIT_ROOT_LABEL);
	for (i = 0; i < FORMATS; i++)
		if (x->o->formats[i] && x->o->verity && verity_suits(x, (enum build_format)i, err) < 0)
			return -1;
	for (i = 0; i < FORMATS; i++)
		if (x->o->formats[i] && format_suits_kernel(x, (enum build_format)i, err) < 0)
			return -1;
	for (i = 0; i < FORMATS; i++)
		if (x->o->formats[i] && write_format(x, (enum build_format)i, err) < 0)
			return -1;
	if (x->a->bill && x->o->sbom_output && bill_copy(x->a->bill, &x->set, x->o, err) < 0)
		return -1;
	return outfile_set_commit(&x->set, err);
}

int formats_write(struct assembly *a, const struct build_options *o, const char *default_name, struct error *err)
{
	_cleanup_outlock_ struct outlock lock = OUTLOCK_INIT;
	_cleanup_free_ char *base = NULL;
	struct outputs x = { .a = a, .o = o, .zip = o->zip, .zip_level = o->zip_level, .temp = TEMP_DIR_INIT };
	const char *name = o->name ? o->name : default_name;
	int r;

	/* a kernel that says what it can mount is one of ours: it reads zstd */
	if (!o->zip_given)
		x.zip = assembly_kernel_label(a, KERNEL_ROOT_LABEL) ? ZIP_ZSTD : ZIP_GZIP;
	if (o->dir && dir_make(o->dir, 0755, err) < 0)
		return -1;
	base = o->dir ? str_format("%s/%s", o->dir, name) : strdup(name);
	if (!base)
		return error_set(err, ENOMEM, "%s", name);
	x.base = base;
	if (!o->output && outlock_take(&lock, base, err) < 0)
		return -1;
	if (o->sign)
		x.signer = signer_open(o->sign, o->cert, ASSEMBLY_TIME, err);
	r = o->sign && !x.signer ? -1 : write_all(&x, err);
	signer_free(x.signer);
	if (r == 0 && a->bill)
		bill_warn(a->bill);
	outfile_set_discard(&x.set);
	temp_dir_remove(&x.temp);
	free(x.kernel);
	free(x.initrd);
	systems_free(x.systems);
	free(x.bare);
	free(x.image);
	tree_free(x.boot);
	tree_free(x.early);
	return r;
}
