/* What the files of the tree share. */
#pragma once

#include "tree.h"

enum { TREE_NAME_MAX = 255, TREE_PATH_MAX = 4095 };

/* Moves along a path: the next name and its length, 1; 0 at the end; -1 for what a tree's path may not be. *p starts as
 * the path. */
int path_next(const char **p, const char **name, size_t *len);
/* An error that says what is wrong with a path, or 0. */
int path_check(const char *path, struct error *err);

/* A new inode without names; NULL without memory (error filled). */
struct tree_inode *inode_new(enum tree_type type, const struct tree_meta *meta, struct error *err);
void inode_free(struct tree_inode *inode); /* one without names */

struct tree_node *node_child(const struct tree *t, const struct tree_node *dir, const char *name, size_t len);
/* The directory at a path, made with missing parents. NULL with ENOTDIR when something else is in the way. */
struct tree_node *tree_make_dir(struct tree *t, const char *path, uint32_t stamp, struct error *err);
/* Puts an inode at a path as tree.h says; takes it, freeing it on failure when it has no other names. The stamp
 * (number of a layer) is left on the node. */
struct tree_node *tree_put(struct tree *t, const char *path, struct tree_inode *inode, uint32_t stamp,
			   struct error *err);
struct tree_node *tree_put_link(struct tree *t, const char *path, const char *existing, uint32_t stamp,
				struct error *err);
/* Takes a node with all below it out of the tree. Not the root. */
void node_remove(struct tree *t, struct tree_node *node);
/* Frees a node with all below it that is in no tree's table and no directory's list. */
void node_free_all(struct tree_node *node);
/* Links a node that is in no directory into one; it must not have that name yet. */
void node_attach(struct tree *t, struct tree_node *dir, struct tree_node *node);
/* The children sorted by name; an array for the caller to free, its length in *count. NULL without memory. */
struct tree_node **node_sorted_children(const struct tree_node *dir, size_t *count);

/* What a tar archive says of the root: only what somebody said of it, always something, or never, and long link
 * targets in GNU's way: sqfstar reads no entry for the root, and takes the "/" off a target in pax's linkpath. */
enum tar_root {
	ROOT_DESCRIBED,
	ROOT_ALWAYS,
	ROOT_NEVER,
};
struct sink;
int tree_write_tar_root(const struct tree *t, enum tar_root root, struct sink *out, struct error *err);

static inline bool node_is_dir(const struct tree_node *n)
{
	return n->inode->type == TREE_DIR;
}
