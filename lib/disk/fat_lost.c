/* FAT32: clusters that no file or directory has. All that are reached from the root are marked; chains may be damaged,
 * and run into each other or into themselves. */
#include <errno.h>
#include <stdlib.h>

#include "cleanup.h"
#include "fat_private.h"

enum { DEPTH_MAX = 16 };

static void chain_mark(const struct fat *f, bool *used, uint32_t at)
{
	for (; at >= 2 && at < f->end && !used[at]; at = fat_next(f, at))
		used[at] = true;
}

static int tree_mark(struct fat *f, bool *used, uint32_t first, unsigned depth, struct error *err)
{
	_cleanup_fat_dir_ struct fat_dir d = { 0 };
	struct fat_entry e;

	if (depth > DEPTH_MAX)
		return error_say(err, EINVAL, "the directories of the FAT file system are damaged");
	chain_mark(f, used, first);
	if (fat_dir_load(f, first, &d, err) < 0)
		return -1;
	for (size_t at = 0; fat_dir_next(&d, &at, &e);) {
		if (e.first < 2 || e.first >= f->end || used[e.first])
			continue;
		if (e.directory && tree_mark(f, used, e.first, depth + 1, err) < 0)
			return -1;
		chain_mark(f, used, e.first);
	}
	return 0;
}

int fat_lost_free(struct fat *f, struct error *err)
{
	_cleanup_free_ bool *used = calloc(f->end, sizeof(*used));

	if (!used)
		return error_set(err, ENOMEM, "FAT");
	if (tree_mark(f, used, f->root, 0, err) < 0)
		return -1;
	for (uint32_t i = 2; i < f->end; i++) {
		uint32_t value = f->table[i] & FAT_MASK;

		if (!used[i] && value != 0 && value != FAT_BAD)
			fat_cluster_set(f, i, 0);
	}
	return 0;
}
