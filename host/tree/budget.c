/* What a tree may hold: names, text and holes, each bounded. A few bytes of input cannot ask for gigabytes. */
#include <errno.h>

#include "tree_private.h"

int tree_take_text(struct tree *t, uint64_t bytes, const char *path, struct error *err)
{
	if (bytes > TREE_TEXT_MAX - t->text)
		return error_say(err, E2BIG,
				 "%.200s: more than %u MiB of paths, link targets and extended attributes (directories "
				 "that nothing describes count)",
				 path, (unsigned)(TREE_TEXT_MAX >> 20));
	t->text += bytes;
	return 0;
}

int tree_take_node(const struct tree *t, const char *path, struct error *err)
{
	if (t->node_count < TREE_NODES_MAX)
		return 0;
	return error_say(err, E2BIG,
			 "%.200s: more than %d files and directories (directories that nothing describes count)", path,
			 TREE_NODES_MAX);
}

int tree_take_holes(struct tree *t, uint64_t bytes, const char *path, struct error *err)
{
	if (bytes > TREE_HOLES_MAX - t->holes)
		return error_say(err, E2BIG, "%.200s: files with holes of more than %u GiB", path,
				 (unsigned)(TREE_HOLES_MAX >> 30));
	t->holes += bytes;
	return 0;
}
