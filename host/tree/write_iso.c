/* ISO 9660 images, by xorriso over a temporary directory. */
#include <assert.h>

#include "mkfs_private.h"
#include "output.h"
#include "str.h"

/* Rock Ridge for names, owners and links, Joliet as LinuxKit's have it. Directories stay where they are however deep
 * (-D), files may be larger than 4 GiB (level 3). Hard links share their content without being links: as such they
 * would bring the inode numbers of the temporary directory along. */
static const char *const common[] = { "xorriso",
				      "-as",
				      "mkisofs",
				      "-quiet",
				      "-R",
				      "-J",
				      "-joliet-long",
				      "-D",
				      "-iso-level",
				      "3",
				      "--set_all_file_dates",
				      "set_to_mtime",
				      "-V",
				      "LinuxKit",
				      "-o",
				      "stdio:/dev/fd/3",
				      NULL };

static const char hybrid[] = "/usr/lib/ISOLINUX/isohdpfx.bin";

/* A boot loader for CDs, and a boot sector for where the image is copied to a disk. */
static const char *const bios[] = { "-b",
				    ISO_BIOS_LOADER,
				    "-c",
				    "isolinux/boot.cat",
				    "-no-emul-boot",
				    "-boot-load-size",
				    "4",
				    "-boot-info-table",
				    "-isohybrid-mbr",
				    hybrid,
				    NULL };

/* A size of one sector means that the volume goes on to the end of the CD (UEFI specification, 13.3.2.1): the field is
 * too small for larger ones. */
static const char *const efi[] = { "-e", ISO_EFI_VOLUME, "-c", "boot/boot.cat", "-no-emul-boot", "-boot-load-size", "1",
				   NULL };

int tree_write_iso(const struct tree *t, enum iso_boot boot, int fd, struct error *err)
{
	static const char *const *const boots[] = { [ISO_BIOS] = bios, [ISO_EFI] = efi };
	const char *argv[IMAGER_ARGS + 1] = { NULL };
	const struct imager how = { "xorriso", argv, "making an ISO image" };
	int64_t epoch = tree_build_time(t);
	size_t n = 0;

	static_assert(array_len(common) + array_len(bios) <= IMAGER_ARGS, "there is room for the arguments");
	if (boot == ISO_BIOS && tool_file(hybrid, "isolinux", err) < 0)
		return -1;
	for (const char *const *a = common; *a; a++)
		argv[n++] = *a;
	for (const char *const *a = boots[boot]; a && *a; a++)
		argv[n++] = *a;
	return imager_run(t, &how, fd, &epoch, err);
}
