/* What the files of the tree share. Who calls whom, from the ground up:
 *
 *   path.c budget.c inode.c   names of a path, bounds of a tree, metadata and content
 *   node.c                    the names and their table
 *   links.c                   where a path leads
 *   fold.c                    a directory becomes a link
 *   put.c                     something at a path
 *   entries.c layer.c merge.c what adds: single entries, archives, whole trees
 *   content.c walk.c          bytes of a file, all entries in the order of writing
 *   write_*.c mkfs*.c         the formats
 *   output.c                  files of the host */
#pragma once

#include "tree.h"

enum { TREE_NAME_MAX = 255, TREE_PATH_MAX = 4095, TREE_NODES_MAX = 1000000 };
#define TREE_TEXT_MAX  (UINT64_C(256) << 20)
#define TREE_HOLES_MAX (UINT64_C(16) << 30)

/* --- path.c --- */
/* Moves along a path: the next name and its length, 1; 0 at the end; -1 for what a tree's path may not be. *p starts as
 * the path. */
int path_next(const char **p, const char **name, size_t *len);
/* An error that says what is wrong with a path, or 0. */
int path_check(const char *path, struct error *err);

/* --- budget.c, inode.c --- */
/* A new inode without names; NULL without memory (error filled). */
struct tree_inode *inode_new(enum tree_type type, const struct tree_meta *meta, struct error *err);
void inode_free(struct tree_inode *inode);      /* one without names */
void inode_drop_name(struct tree_inode *inode); /* the last one takes it along */

/* Says for what a tree is about to hold whether there is room: bytes of a path, a link's target or extended attributes
 * (they count when they come in, and are not given back), and one more name. */
int tree_take_text(struct tree *t, uint64_t bytes, const char *path, struct error *err);
int tree_take_node(const struct tree *t, const char *path, struct error *err);
int tree_take_holes(struct tree *t, uint64_t bytes, const char *path, struct error *err);

/* Extended attributes of an inode: several may share a list until one of them is changed. */
int inode_set_xattr(struct tree_inode *inode, const char *name, const void *value, size_t n, struct error *err);
struct tree_xattr *xattrs_ref(struct tree_xattr *list);
void xattrs_unref(struct tree_xattr *list); /* NULL is fine */
/* What they count for. */
uint64_t xattrs_text(const struct tree_xattr *list);
enum { XATTR_TEXT = 32 }; /* of each, beside name and value */

/* --- nodes (node.c) --- */
/* A node in no directory, with this inode; NULL without memory. */
struct tree_node *node_new(const char *name, size_t len, struct tree_inode *inode, struct error *err);
/* A directory that nothing describes. path: for messages; text: bytes of its own path. */
struct tree_node *node_add_implied(struct tree *t, struct tree_node *dir, const char *path, uint64_t text,
				   const char *name, size_t len, uint16_t stamp, struct error *err);
struct tree_node *node_child(const struct tree *t, const struct tree_node *dir, const char *name, size_t len);
size_t node_path_len(const struct tree_node *root, const struct tree_node *node);
/* Takes a node with all below it out of the tree. Not the root. */
void node_remove(struct tree *t, struct tree_node *node);
/* The same without freeing it: its children stay its children. */
void node_detach(struct tree *t, struct tree_node *node);
/* Frees a node with all below it that is in no tree's table and no directory's list. */
void node_free_all(struct tree_node *node);
/* Links a node that is in no directory into one; it must not have that name yet. */
void node_attach(struct tree *t, struct tree_node *dir, struct tree_node *node);
/* The children sorted by name; an array for the caller to free, its length in *count. NULL without memory. */
struct tree_node **node_sorted_children(const struct tree_node *dir, size_t *count);
/* Removes what layers below `stamp` have put at and below a node. True when the node itself is gone. */
bool node_prune(struct tree *t, struct tree_node *node, uint16_t stamp);

/* --- links (links.c) --- */

/* A walk inside a root. Nothing leads above it: ".." of the root is the root, an absolute target starts there. */
struct follow {
	struct tree *tree;
	struct tree_node *root;
	const char *path; /* for messages */
	bool make;        /* directories that are missing are made, with `stamp` */
	bool counts;      /* targets of followed links count for the tree's text */
	uint16_t stamp;
	/* private */
	int links; /* followed so far, at most 40 */
};
/* Where a path leads from a directory; its last name is followed too. NULL with ENOENT, ENOTDIR or ELOOP. */
struct tree_node *links_walk(struct follow *f, struct tree_node *dir, const char *path, struct error *err);
struct tree_node *links_follow(struct follow *f, const struct tree_node *link, struct error *err);
/* A directory that nothing describes, as the walk's. */
struct tree_node *follow_make(const struct follow *f, struct tree_node *dir, const char *name, size_t len,
			      struct error *err);
bool name_is(const char *name, size_t len, const char *what);

/* --- a directory becomes a link (fold.c) --- */
struct fold {
	struct tree *tree;
	struct tree_node *root, *dir;
	bool first_wins; /* of two files with one name; else that is an error */
};
/* A directory that is to become a symbolic link: moves its children to where the target leads. Children that have a
 * twin there stay; the caller removes them with the directory. */
int fold_dir(const struct fold *f, const char *target, uint16_t stamp, struct error *err);

/* --- putting (put.c) --- */
/* The directory at a path, made with missing parents. NULL with ENOTDIR when something else is in the way. */
struct tree_node *tree_make_dir(struct tree *t, const char *path, struct error *err);
/* Puts an inode at a path as tree.h says; takes it, freeing it on failure when it has no other names. */
struct tree_node *tree_put(struct tree *t, const char *path, struct tree_inode *inode, struct error *err);
struct tree_node *tree_put_link(struct tree *t, const char *path, const char *existing, struct error *err);
/* The same for a member of a layer, whose number (stamp) is left on the node. Links among a path's parents are followed
 * inside the tree, and a symbolic link over a directory that the same layer (stamp 0: the same archive) has filled
 * takes what is in it along to where it leads. */
struct tree_node *layer_put(struct tree *t, const char *path, struct tree_inode *inode, uint16_t stamp,
			    struct error *err);
struct tree_node *layer_put_link(struct tree *t, const char *path, const char *existing, uint16_t stamp,
				 struct error *err);

/* Whether a tar archive has an entry for the root: only where a layer or the caller described it, always, or never.
 * ROOT_NEVER also writes long link targets in GNU's way: mksquashfs reads no entry for the root, and takes the "/" off
 * a target in pax's linkpath. */
enum tar_root {
	ROOT_DESCRIBED,
	ROOT_ALWAYS,
	ROOT_NEVER,
};
struct sink;
int tree_write_tar_root(const struct tree *t, enum tar_root root, struct sink *out, struct error *err);

/* --- what a format holds (limits.c) --- */
struct format_limits {
	const char *format;
	size_t name_max;
	const char *const *xattr_prefixes; /* NULL-terminated */
	uint32_t xattr_max;                /* bytes of a value */
};
/* An error that names the first file of the tree that the format does not hold as it is. Times are those of 32 bits
 * without a sign, which all formats have. */
int tree_fits(const struct tree *t, const struct format_limits *limits, struct error *err);

static inline bool node_is_dir(const struct tree_node *n)
{
	return n->inode->type == TREE_DIR;
}
