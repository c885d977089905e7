/* ISO 9660 images, by xorriso over a temporary directory. */
#include <assert.h>

#include "mkfs_private.h"
#include "output.h"
#include "str.h"

/* Rock Ridge for names, owners and links, Joliet as LinuxKit's have it. Directories stay where they are however deep
 * (-D), files may be larger than 4 GiB (level 3). Hard links share their content without being links: as such they
 * would bring the inode numbers of the temporary directory along. */
int tree_write_iso(const struct tree *t, int fd, struct error *err)
{
	static const char *const argv[] = { "xorriso",
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
	static const struct imager how = { "xorriso", argv, "making an ISO image" };
	int64_t epoch = tree_build_time(t);

	static_assert(array_len(argv) <= IMAGER_ARGS, "there is room for the arguments");
	return imager_run(t, &how, fd, &epoch, err);
}
