/* rpi3: an archive to be unpacked on the FAT file system of a Raspberry Pi 3's card. The board's firmware
 * (bootcode.bin, start.elf, ...) starts U-Boot as its kernel, and U-Boot runs boot.scr, which loads kernel, device tree
 * and initrd.
 *
 * Firmware and U-Boot are files of the host (--rpi3-firmware, or where Debian's packages have them); the device trees
 * are those of the kernel image's archive. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "formats_private.h"
#include "io.h"
#include "kernel_format.h"
#include "media.h"
#include "tool.h"

enum { KERNEL_ADDRESS = 0x80000 };

static const char firmware_dir[] = "/usr/lib/raspi-firmware", uboot_file[] = "/usr/lib/u-boot/rpi_3/u-boot.bin";

/* Read by the firmware: 64-bit code, a serial console, U-Boot where a kernel would be. */
static const char config_txt[] = "arm_64bit=1\nenable_uart=1\navoid_warnings=2\nkernel=u-boot.bin\n";

/* The console is on screen and serial line, whatever the YAML says; what it says comes later, and so counts. */
static const char fixed_cmdline[] =
	"dwc_otg.lpm_enable=0 earlyprintk console=tty1 console=ttyS0,115200 root=/dev/ram0 rw";

static const char script_load[] = "setenv kernel_addr 0x01000000\n"
				  "fatload mmc 0:1 ${kernel_addr} kernel.uimg\n"
				  "fatload mmc 0:1 ${fdt_addr_r} dtb/${fdtfile}\n"
				  "fatload mmc 0:1 ${ramdisk_addr_r} initrd.uimg\n"
				  "bootm ${kernel_addr} ${ramdisk_addr_r} ${fdt_addr_r}\n";

/* --- what comes from elsewhere ---------------------------------------------------------------------------------- */

static int host_add(struct tree *t, const char *name, const char *dir, const char *file, const char *package,
		    struct error *err)
{
	_cleanup_free_ char *path = dir ? str_format("%s/%s", dir, name) : strdup(file);
	struct tree_meta meta = fixed_meta(0644);

	if (!path)
		return error_set(err, ENOMEM, "%s", name);
	if (access(path, R_OK) < 0)
		return error_say(err, errno,
				 "rpi3: %s is not there (Debian package %s, or --rpi3-firmware with a folder of all "
				 "the files)",
				 path, package);
	return tree_add_file(t, name, &meta, path, err) ? 0 : -1;
}

static int firmware_add(const struct outputs *x, struct tree *t, struct error *err)
{
	static const char *const names[] = { "bootcode.bin", "fixup.dat",    "fixup_cd.dat", "fixup_x.dat",
					     "start.elf",    "start_cd.elf", "start_x.elf" };
	const char *dir = x->o->rpi3_firmware;

	for (size_t i = 0; i < array_len(names); i++)
		if (host_add(t, names[i], dir ? dir : firmware_dir, NULL, "raspi-firmware", err) < 0)
			return -1;
	return host_add(t, "u-boot.bin", dir, uboot_file, "u-boot-rpi:arm64", err);
}

/* boot/dtb was taken out of the tree with the kernel. */
static int trees_add(const struct outputs *x, struct tree *t, struct error *err)
{
	static const char dir[] = "dtb/broadcom", first[] = "bcm2837-rpi-3-b", last[] = ".dtb";
	const struct tree_node *from = tree_find(x->boot, dir), *n;
	bool some = false;

	for (n = from ? from->children : NULL; n; n = n->next) {
		_cleanup_free_ char *path = str_format("%s/%s", dir, n->name);

		if (!path)
			return error_set(err, ENOMEM, "%s", dir);
		if (n->inode->type != TREE_FILE || !str_starts(n->name, first) || !str_ends(n->name, last))
			continue;
		if (!tree_add_copy(t, path, n, err))
			return -1;
		some = true;
	}
	return some ? 0
		    : error_say(err, ENOENT,
				"rpi3: the kernel image's archive has no device tree for the board "
				"(boot/%s/%s*%s)",
				dir, first, last);
}

/* --- what is made ------------------------------------------------------------------------------------------------ */

static int uimage_add(struct outputs *x, struct tree *t, const struct media_uimage *u, const char *from,
		      const char *name, struct error *err)
{
	_cleanup_free_ char *path = str_format("%s/%s", x->temp.path, name);
	struct tree_meta meta = fixed_meta(0644);

	if (!path)
		return error_set(err, ENOMEM, "%s", name);
	if (media_uimage_write(u, from, ASSEMBLY_TIME, path, err) < 0)
		return -1;
	return tree_add_file(t, name, &meta, path, err) ? 0 : -1;
}

static int kernel_put(struct outputs *x, struct tree *t, struct error *err)
{
	struct media_uimage u = { .type = UIMAGE_KERNEL, .address = KERNEL_ADDRESS, .name = "" };
	const struct tree_node *kernel = tree_find(x->boot, "kernel");
	uint8_t magic[KERNEL_MAGIC] = { 0 };
	struct kernel_payload k;

	if (boot_kernel(x, err) < 0)
		return -1;
	if (kernel_look(kernel, &k, err) < 0)
		return error_wrap(err, "rpi3: the kernel is damaged");
	if (k.kind == KERNEL_KIND_ZIPPED) {
		_cleanup_stream_ struct stream *s = tree_open(kernel, err);

		if (!s || stream_read(s, magic, sizeof(magic), err) < 0)
			return -1;
		u.gzip = kernel_zip_find(magic, sizeof(magic)) == KERNEL_ZIP_GZIP;
	}
	if (!u.gzip && k.kind != KERNEL_KIND_PLAIN)
		return error_say(err, ENOTSUP,
				 "rpi3: U-Boot starts an Image of 64-bit ARM, as it is or compressed by gzip, and this "
				 "kernel is none");
	return uimage_add(x, t, &u, x->kernel, "kernel.uimg", err);
}

static int initrd_put(struct outputs *x, struct tree *t, struct error *err)
{
	static const struct media_uimage u = { .type = UIMAGE_RAMDISK, .gzip = true, .name = "" };

	return boot_initrd(x, err) < 0 ? -1 : uimage_add(x, t, &u, x->initrd, "initrd.uimg", err);
}

/* In double quotes these mean something to U-Boot. */
static int quoted_add(struct buf *out, const char *text)
{
	int r = 0;

	for (; *text; text++) {
		if (strchr("\\\"$", *text))
			r |= buf_addstr(out, "\\");
		r |= buf_add(out, *text == '\n' || *text == '\r' ? " " : text, 1);
	}
	return r;
}

/* A script in an image has a table of lengths in front, which ends with zero. */
static int script_add(struct outputs *x, struct tree *t, struct error *err)
{
	static const struct media_uimage u = { .type = UIMAGE_SCRIPT, .name = "RPi3" };
	_cleanup_free_ char *cmdline = NULL, *path = str_format("%s/boot.script", x->temp.path);
	struct tree_meta meta = fixed_meta(0644);
	_cleanup_buf_ struct buf text = { 0 }, whole = { 0 };
	uint8_t table[8] = { 0 };

	if (!path || boot_cmdline(x, NULL, &cmdline, err) < 0)
		return path ? -1 : error_set(err, ENOMEM, "boot.scr");
	if (buf_addf(&text, "setenv bootargs \"%s ", fixed_cmdline) < 0 || quoted_add(&text, cmdline) < 0 ||
	    buf_addf(&text, "\"\n%s", script_load) < 0)
		return error_set(err, ENOMEM, "boot.scr");
	for (int i = 0; i < 4; i++)
		table[i] = (uint8_t)(text.len >> (24 - 8 * i));
	if (buf_add(&whole, table, sizeof(table)) < 0 || buf_add(&whole, buf_bytes(&text), text.len) < 0)
		return error_set(err, ENOMEM, "boot.scr");
	if (!tree_add_bytes(t, "boot.script", &meta, buf_bytes(&text), text.len, err) ||
	    !tree_add_bytes(t, "config.txt", &meta, config_txt, sizeof(config_txt) - 1, err) ||
	    file_write(path, buf_bytes(&whole), whole.len, 0600, err) < 0)
		return -1;
	return uimage_add(x, t, &u, path, "boot.scr", err);
}

int write_rpi3(struct outputs *x, struct error *err)
{
	_cleanup_free_ char *path = str_format("%s%s", x->base, format_suffix(FORMAT_RPI3));
	_cleanup_tree_ struct tree *t = tree_new(err);

	if (!t || !path)
		return t ? error_set(err, ENOMEM, "rpi3") : -1;
	if (!str_eq(x->o->platform.arch, "arm64"))
		return error_say(err, ENOTSUP, "rpi3: the board is 64-bit ARM: say --arch arm64");
	if (format_begin(path, err) < 0 || firmware_add(x, t, err) < 0 || trees_add(x, t, err) < 0 ||
	    kernel_put(x, t, err) < 0 || initrd_put(x, t, err) < 0 || script_add(x, t, err) < 0)
		return -1;
	return output_tar(t, &x->set, path, ZIP_NONE, err);
}
