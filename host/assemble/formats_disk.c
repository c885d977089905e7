/* Disks and ISO images that a machine's firmware boots: kernel and initrd are made once, as files of a private
 * directory, and go into each of them (host/media). An initrd here is what --initrd says of kernel+initrd: a small one
 * around an image, or the whole tree. An ISO image with the whole tree has it as its own files, as LinuxKit's has, and
 * no initrd. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "formats_private.h"
#include "media.h"
#include "tool.h"

/* What a cloud or hypervisor wants where --size says nothing: LinuxKit's sizes. */
#define DISK_DEFAULT ((uint64_t)1 << 30)
#define DISK_DYNAMIC ((uint64_t)25 << 30)

enum firmware { BIOS, EFI };

static const struct disk_format {
	enum firmware firmware;
	bool iso;
	bool raw; /* as it is; else for `kind`, or Google's archive */
	bool gcp;
	bool initrd;   /* of an ISO image: always, also where the initrd is the whole tree */
	uint64_t size; /* 0: as large as needed */
	enum media_kind kind;
} disks[FORMATS] = {
	[FORMAT_RAW_BIOS] = { BIOS, .raw = true },
	[FORMAT_RAW_EFI] = { EFI, .raw = true },
	[FORMAT_AWS] = { BIOS, .raw = true, .size = DISK_DEFAULT },
	[FORMAT_GCP] = { BIOS, .gcp = true, .size = DISK_DEFAULT },
	[FORMAT_QCOW2_BIOS] = { BIOS, .size = DISK_DEFAULT, .kind = MEDIA_QCOW2 },
	[FORMAT_QCOW2_EFI] = { EFI, .size = DISK_DEFAULT, .kind = MEDIA_QCOW2 },
	[FORMAT_VHD] = { BIOS, .size = DISK_DEFAULT, .kind = MEDIA_VHD },
	[FORMAT_DYNAMIC_VHD] = { BIOS, .size = DISK_DYNAMIC, .kind = MEDIA_DYNAMIC_VHD },
	[FORMAT_VMDK] = { BIOS, .size = DISK_DEFAULT, .kind = MEDIA_VMDK },
	[FORMAT_ISO_BIOS] = { BIOS, .iso = true },
	[FORMAT_ISO_EFI] = { EFI, .iso = true },
	[FORMAT_ISO_EFI_INITRD] = { EFI, .iso = true, .initrd = true },
};

static int boot_check(const struct outputs *x, enum build_format format, struct error *err)
{
	const char *arch = x->o->platform.arch;

	if (disks[format].firmware == BIOS && !str_eq(arch, "amd64"))
		return error_say(err, ENOTSUP,
				 "%s: a machine of %s has no BIOS; raw-efi, qcow2-efi and iso-efi boot it",
				 format_names[format], arch);
	return 0;
}

/* --- disks ---------------------------------------------------------------------------------------------------- */

/* systems NULL: it has one. */
static int disk_make(const struct disk_format *f, const struct media_boot *boot, const struct media_system *systems,
		     uint64_t size, int fd, struct error *err)
{
	if (systems)
		return media_ab_disk(boot, systems, size, fd, err);
	return (f->firmware == EFI ? media_efi_disk : media_bios_disk)(boot, size, fd, err);
}

/* fd: the file that stays. */
static int disk_write(const struct disk_format *f, const struct media_boot *boot, const struct media_system *systems,
		      uint64_t size, const char *path, int fd, struct error *err)
{
	_cleanup_outfile_ struct outfile raw = OUTFILE_INIT; /* never committed: it needs a place, not a name */

	if (f->raw)
		return disk_make(f, boot, systems, size, fd, err);
	if (outfile_open(&raw, path, err) < 0 || disk_make(f, boot, systems, size, raw.fd, err) < 0)
		return -1;
	if (f->gcp)
		return media_gcp(raw.fd, boot->time, fd, path, err);
	return media_convert(f->kind, raw.fd, fd, err);
}

static int write_two(struct outputs *x, const struct disk_format *f, const char *path, struct error *err)
{
	_cleanup_outfile_ struct outfile file = OUTFILE_INIT;
	const struct media_system *systems = systems_make(x, err);
	struct media_boot boot = { .dir = x->temp.path, .arch = x->o->platform.arch, .time = ASSEMBLY_TIME };

	if (!systems || outfile_open(&file, path, err) < 0 ||
	    disk_write(f, &boot, systems, x->o->size, path, file.fd, err) < 0)
		return -1;
	return outfile_keep(&x->set, &file, 0644, err);
}

static int write_partitioned(struct outputs *x, const struct disk_format *f, const char *path, struct error *err)
{
	_cleanup_outfile_ struct outfile file = OUTFILE_INIT;
	_cleanup_free_ char *cmdline = NULL;
	struct media_boot boot = { .arch = x->o->platform.arch, .time = ASSEMBLY_TIME };
	bool apart = x->o->verity && f->firmware == EFI; /* the root has a partition */
	char uuid[VERITY_UUID_TEXT];
	uint64_t size = f->size && x->o->size ? x->o->size : f->size;

	if (boot_kernel(x, err) < 0 ||
	    (apart ? boot_bare(x, err) < 0 || boot_root(x, err) < 0 : boot_initrd(x, err) < 0) ||
	    boot_cmdline(x, NULL, &cmdline, err) < 0 || outfile_open(&file, path, err) < 0)
		return -1;
	boot.dir = x->temp.path;
	boot.signer = x->signer;
	boot.kernel = x->kernel;
	boot.initrd = apart ? x->bare : x->initrd;
	if (apart) {
		verity_uuid(x, uuid);
		boot.root = x->image;
		boot.root_uuid = uuid;
	}
	boot.cmdline = cmdline;
	if (disk_write(f, &boot, NULL, size, path, file.fd, err) < 0)
		return -1;
	return outfile_keep(&x->set, &file, 0644, err);
}

/* --- ISO images ------------------------------------------------------------------------------------------------- */

static int iso_put(struct tree *t, const char *path, const char *from, struct error *err)
{
	struct tree_meta meta = fixed_meta(0644);

	return tree_add_file(t, path, &meta, from, err) ? 0 : -1;
}

static int iso_fill_bios(struct outputs *x, struct tree *t, bool initrd, const char *cmdline, struct error *err)
{
	static const char loader[] = "/usr/lib/ISOLINUX/isolinux.bin",
			  library[] = "/usr/lib/syslinux/modules/bios/ldlinux.c32";
	struct tree_meta meta = fixed_meta(0644);
	_cleanup_buf_ struct buf config = { 0 };

	if (tool_file(loader, "isolinux", err) < 0 || tool_file(library, "syslinux-common", err) < 0 ||
	    media_syslinux_config("/boot/kernel", initrd ? "/boot/initrd.img" : NULL, cmdline, &config, err) < 0)
		return -1;
	if (iso_put(t, ISO_BIOS_LOADER, loader, err) < 0 || iso_put(t, "isolinux/ldlinux.c32", library, err) < 0 ||
	    !tree_add_bytes(t, "isolinux/isolinux.cfg", &meta, buf_bytes(&config), config.len, err) ||
	    iso_put(t, "boot/kernel", x->kernel, err) < 0)
		return -1;
	return initrd ? iso_put(t, "boot/initrd.img", x->initrd, err) : 0;
}

static int iso_fill_efi(struct outputs *x, struct tree *t, bool initrd, const char *cmdline, struct error *err)
{
	_cleanup_free_ char *volume = str_format("%s/efi.img", x->temp.path);
	struct media_boot boot = { .dir = x->temp.path,
				   .kernel = x->kernel,
				   .initrd = initrd ? x->initrd : NULL,
				   .cmdline = cmdline,
				   .arch = x->o->platform.arch,
				   .signer = x->signer,
				   .time = ASSEMBLY_TIME };
	_cleanup_outfile_ struct outfile file = OUTFILE_INIT;

	if (!volume)
		return error_set(err, ENOMEM, "EFI");
	if (outfile_open(&file, volume, err) < 0)
		return -1;
	file.brief = true;
	if (media_efi_volume(&boot, file.fd, err) < 0 || outfile_commit(&file, 0644, err) < 0)
		return -1;
	return iso_put(t, ISO_EFI_VOLUME, volume, err);
}

/* Takes out of a tree that other formats are made of what was added for this one. */
static void iso_empty(struct tree *t)
{
	static const char *const added[] = { "isolinux", "boot/kernel", ISO_EFI_VOLUME };

	for (size_t i = 0; i < array_len(added); i++)
		if (tree_find(t, added[i]))
			tree_remove(t, added[i]);
}

static int write_bootable_iso(struct outputs *x, enum build_format format, const char *path, struct error *err)
{
	const struct disk_format *f = &disks[format];
	bool initrd = f->initrd || x->root != OUTPUT_PLAIN;
	_cleanup_tree_ struct tree *own = initrd ? tree_new(err) : NULL;
	struct tree *t = initrd ? own : x->a->tree;
	_cleanup_free_ char *cmdline = NULL;
	int r;

	if (!t || boot_kernel(x, err) < 0 || (initrd && boot_initrd(x, err) < 0) ||
	    boot_cmdline(x, initrd ? NULL : "root=/dev/sr0", &cmdline, err) < 0)
		return -1;
	if (!initrd) {
		warn_xattrs(x, "an ISO image");
		if (tree_find(t, "isolinux"))
			return error_say(err, EEXIST, "%s: the root has /isolinux, where the boot loader goes",
					 format_names[format]);
	}
	r = (f->firmware == EFI ? iso_fill_efi : iso_fill_bios)(x, t, initrd, cmdline, err);
	if (r == 0)
		r = output_iso(t, f->firmware == EFI ? ISO_EFI : ISO_BIOS, &x->set, path, err);
	if (!initrd)
		iso_empty(t);
	return r;
}

int write_disk(struct outputs *x, enum build_format format, struct error *err)
{
	_cleanup_free_ char *path = str_format("%s%s", x->base, format_suffix(format));

	if (!path)
		return error_set(err, ENOMEM, "%s", format_names[format]);
	if (boot_check(x, format, err) < 0 || format_begin(path, err) < 0)
		return -1;
	if (disks[format].iso)
		return write_bootable_iso(x, format, path, err);
	if (x->o->ab && disks[format].firmware == EFI)
		return write_two(x, &disks[format], path, err);
	return write_partitioned(x, &disks[format], path, err);
}
