/* What a format asks of the kernel: a boot loader that can start it, and drivers for a root that no initrd is in front
 * of. What is built into a kernel is in lib/modules/VERSION/modules.builtin of its archive. */
#include <errno.h>
#include <string.h>

#include "formats_private.h"
#include "kernel_format.h"
#include "log.h"

enum { BUILTIN_MAX = 1 << 20 };

enum starter { ANYTHING, SYSLINUX, FIRMWARE };

static const struct {
	enum starter starter;
	bool cd;          /* its root is the CD, where that is no initrd */
	bool initrd;      /* it has one in any case */
	const char *root; /* the file system of its root on a disk of its own */
} needs[FORMATS] = {
	[FORMAT_KERNEL_INITRD] = { .initrd = true },
	[FORMAT_KERNEL_INITRD_NOGZ] = { .initrd = true },
	[FORMAT_TAR_KERNEL_INITRD] = { .initrd = true },
	[FORMAT_KERNEL_SQUASHFS] = { .root = "squashfs" },
	[FORMAT_KERNEL_EROFS] = { .root = "erofs" },
	[FORMAT_KERNEL_ISO] = { .root = "isofs" },
	[FORMAT_RAW_BIOS] = { SYSLINUX, .initrd = true },
	[FORMAT_QCOW2_BIOS] = { SYSLINUX, .initrd = true },
	[FORMAT_VHD] = { SYSLINUX, .initrd = true },
	[FORMAT_DYNAMIC_VHD] = { SYSLINUX, .initrd = true },
	[FORMAT_VMDK] = { SYSLINUX, .initrd = true },
	[FORMAT_GCP] = { SYSLINUX, .initrd = true },
	[FORMAT_AWS] = { SYSLINUX, .initrd = true },
	[FORMAT_RAW_EFI] = { FIRMWARE, .initrd = true },
	[FORMAT_QCOW2_EFI] = { FIRMWARE, .initrd = true },
	[FORMAT_ISO_BIOS] = { SYSLINUX, .cd = true },
	[FORMAT_ISO_EFI] = { FIRMWARE, .cd = true },
	[FORMAT_ISO_EFI_INITRD] = { FIRMWARE, .initrd = true },
	[FORMAT_UPDATE] = { FIRMWARE },
	[FORMAT_RPI3] = { .initrd = true }, /* what U-Boot starts: formats_rpi3.c */
};

/* --- drivers ---------------------------------------------------------------------------------------------------- */

static const struct driver {
	const char *module, *config;
} drivers[] = {
	{ "isofs", "CONFIG_ISO9660_FS" }, { "sr_mod", "CONFIG_BLK_DEV_SR" },   { "squashfs", "CONFIG_SQUASHFS" },
	{ "erofs", "CONFIG_EROFS_FS" },   { "dm-verity", "CONFIG_DM_VERITY" },
};

static bool line_names(const char *line, const char *module)
{
	const char *name = strrchr(line, '/');
	size_t n = strlen(module);

	name = name ? name + 1 : line;
	return strncmp(name, module, n) == 0 && str_eq(name + n, ".ko");
}

/* 1: it is in the list, 0: it is not, -1. */
static int list_names(const struct tree_node *list, const char *module, struct error *err)
{
	_cleanup_buf_ struct buf text = { 0 };
	_cleanup_strv_ char **lines = NULL;

	if (tree_read(list, BUILTIN_MAX, &text, err) < 0)
		return -1;
	lines = strv_split(buf_text(&text), "\r\n");
	for (char **line = lines; line && *line; line++)
		if (line_names(*line, module))
			return 1;
	return 0;
}

/* 1: built in, or nobody says what is; 0: it is not; -1. */
static int driver_there(const struct outputs *x, const char *module, struct error *err)
{
	const struct tree_node *modules = tree_resolve(x->a->tree, "", "lib/modules"), *v;
	bool known = false;

	for (v = modules ? modules->children : NULL; v; v = v->next) {
		_cleanup_free_ char *path = str_format("lib/modules/%s/modules.builtin", v->name);
		const struct tree_node *list = path ? tree_resolve(x->a->tree, "", path) : NULL;
		int r;

		if (!list || list->inode->type != TREE_FILE || list->inode->size == 0)
			continue;
		known = true;
		r = list_names(list, module, err);
		if (r)
			return r;
	}
	return !known;
}

static int driver_check(const struct outputs *x, enum build_format format, const char *module, const char *otherwise,
			struct error *err)
{
	const char *config = "";
	int r = driver_there(x, module, err);

	if (r)
		return r < 0 ? -1 : 0;
	for (size_t i = 0; i < array_len(drivers); i++)
		if (str_eq(drivers[i].module, module))
			config = drivers[i].config;
	return error_say(err, ENOTSUP, "%s: the kernel cannot mount its root: %s (%s) is not built in%s",
			 format_names[format], module, config, otherwise);
}

/* One that comes along in the initrd (modules.early) is as good. */
static int initrd_check(const struct outputs *x, enum build_format format, const char *module, const char *otherwise,
			struct error *err)
{
	const struct tree_node *early = tree_find(x->early, "early"), *n;

	for (n = early ? early->children : NULL; n; n = n->next) {
		const char *name = strchr(n->name, '-');

		if (name && strncmp(name + 1, module, strlen(module)) == 0)
			return 0;
	}
	return driver_check(x, format, module, otherwise, err);
}

static int root_check(const struct outputs *x, enum build_format format, struct error *err)
{
	bool plain = x->root == OUTPUT_PLAIN || (format == FORMAT_KERNEL_INITRD_NOGZ && x->o->initrd == INITRD_AUTO);

	if (needs[format].initrd || (needs[format].cd && !plain))
		return plain ? 0
			     : initrd_check(x, format, x->root == OUTPUT_EROFS ? "erofs" : "squashfs",
					    ": --initrd plain does without", err);
	if (needs[format].root && x->o->verity)
		return initrd_check(x, format, needs[format].root, "", err);
	if (tree_find(x->early, "early"))
		log_warn("%s: to boot from this takes a kernel with its drivers built in, and this one has modules",
			 format_names[format]);
	if (needs[format].root)
		return driver_check(x, format, needs[format].root, "", err);
	if (!needs[format].cd)
		return 0;
	if (driver_check(x, format, "isofs", "", err) < 0)
		return -1;
	return driver_check(x, format, "sr_mod", "", err);
}

/* --- starting it ------------------------------------------------------------------------------------------------ */

static int start_check(const struct outputs *x, enum build_format format, struct error *err)
{
	const struct tree_node *kernel = tree_find(x->boot, "kernel");
	enum starter starter = needs[format].starter;
	struct kernel_payload k;

	if (!kernel || starter == ANYTHING)
		return 0;
	if (kernel_look(kernel, &k, err) < 0)
		return error_wrap(err, "%s: the kernel is damaged", format_names[format]);
	if (k.kind == KERNEL_KIND_OTHER && !k.efi) {
		log_warn("%s: the kernel is in no format that is known: nothing may start it", format_names[format]);
		return 0;
	}
	if (starter == FIRMWARE && k.efi)
		return 0;
	if (starter == SYSLINUX && k.kind == KERNEL_KIND_BZIMAGE)
		return 0;
	if (x->a->options->decompress_kernel)
		return error_say(err, ENOTSUP,
				 "%s: no boot loader starts a decompressed kernel: leave out --decompress-kernel",
				 format_names[format]);
	if (starter == FIRMWARE)
		return error_say(err, ENOTSUP,
				 "%s: UEFI firmware cannot start this kernel, which has no EFI stub (CONFIG_EFI_STUB)",
				 format_names[format]);
	return error_say(err, ENOTSUP, "%s: syslinux starts a bzImage, and this kernel is none", format_names[format]);
}

/* Its root is in a slot of a disk. */
static bool format_slotted(const struct outputs *x, enum build_format format)
{
	return format == FORMAT_UPDATE || (x->o->ab && (format == FORMAT_RAW_EFI || format == FORMAT_QCOW2_EFI));
}

int format_suits_kernel(struct outputs *x, enum build_format format, struct error *err)
{
	if (format == FORMAT_TAR || format == FORMAT_DOCKER)
		return 0;
	if (start_check(x, format, err) < 0 ||
	    (x->o->verity && initrd_check(x, format, "dm-verity", ": --verity needs it", err) < 0))
		return -1;
	if (!format_slotted(x, format))
		return root_check(x, format, err);
	if (tree_find(x->early, "early"))
		log_warn("%s: to boot from this takes a kernel with its drivers built in, and this one has modules",
			 format_names[format]);
	return systems_suit(x, format_names[format], err);
}
