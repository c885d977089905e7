/* A file tree in memory, and what it is made from: layers of images, tar archives, single entries.
 *
 * What a tree may hold is bounded, so that a few bytes of input cannot ask for gigabytes: a million names, 256 MiB of
 * paths, link targets and extended attributes (each path whole, as an archive writes it), 16 GiB of holes in files.
 * Directories that nothing describes count. Beyond that every function that adds fails with E2BIG.
 *
 * Only metadata is held (some 200 bytes an entry); the content of a file is a reference: bytes in memory, a file of the
 * host, or the place in a stream (n-th member of a layer) where it is found again when the tree is written. Layers are
 * thus read twice, and a build's memory does not depend on the size of its files.
 *
 * Names and inodes are apart as in a file system: hard links are several nodes with one inode.
 * Paths are relative to the root of the tree ("etc/hosts"); a leading "./", doubled and trailing slashes are
 * tolerated, "" and "." are the root. An absolute path, "..", a name over 255 bytes or a path over 4095 is refused
 * with EINVAL, and so is a parent that is a symbolic link or any other non-directory (ENOTDIR). Adding over an existing
 * path replaces it and all below it, except a directory over a directory: that takes the new metadata and keeps the
 * children. Missing parents are made ("implied": 0755, root, time 0) and take the metadata of a later explicit entry.
 *
 * Layers and archives are unpacked as other unpackers do it: the "/" in front of a name is left out, and symbolic links
 * among the parents are followed inside the root that is unpacked to, never out of it. A merge of trees loses nothing:
 * a directory over a link to a directory goes where the link leads, what is in a directory that becomes a link goes
 * along, and a file that would replace a directory with something in it is refused (EEXIST). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "error.h"
#include "stream.h"

enum tree_type {
	TREE_DIR,
	TREE_FILE,
	TREE_SYMLINK,
	TREE_CHAR,
	TREE_BLOCK,
	TREE_FIFO,
};

enum tree_content {
	CONTENT_EMPTY,
	CONTENT_MEMORY, /* `bytes`, owned by the inode */
	CONTENT_FILE,   /* `path` of the host, read when the tree is written */
	CONTENT_SOURCE, /* the whole stream of `source` */
	CONTENT_MEMBER, /* member number `member` of the tar archive that `source` holds */
};

struct tree_xattr {
	struct tree_xattr *next; /* sorted by name */
	char *name;
	uint32_t len;
	uint32_t refs; /* private: of the first one, how many inodes have the list */
	uint8_t value[];
};

/* The plain fields may be changed by the owner of the tree; others through the functions below. */
struct tree_inode {
	int64_t mtime; /* seconds since the epoch */
	uint32_t mtime_nsec;
	uint32_t mode; /* permission bits, setuid, setgid, sticky: 07777 */
	uint32_t uid, gid;
	uint32_t major, minor; /* of devices */
	uint64_t size;         /* of files */
	enum tree_type type : 8;
	enum tree_content content : 8;
	bool implied;   /* a directory that nothing described: its metadata is ours */
	bool late;      /* a file that is written behind all others, since its content tells of them */
	uint32_t names; /* nodes that share the inode */
	uint32_t member;
	uint32_t origin; /* tree_origin() */
	union {
		char *target; /* of symbolic links */
		uint8_t *bytes;
		char *path;
		struct source *source; /* one reference */
	};
	struct tree_xattr *xattrs;
};

struct tree_node {
	struct tree_node *parent; /* NULL: the root */
	struct tree_node *next;   /* next in the parent's directory, in no order */
	struct tree_node *prev;   /* private */
	struct tree_node *children;
	struct tree_node *chain; /* private */
	struct tree_inode *inode;
	uint16_t stamp, pruned, busy; /* private */
	uint16_t name_len;
	char name[];
};

/* Where entries of an image come from, in the words of LinuxKit's archives: a source, which is an image's reference or
 * a section of the YAML ("linuxkit.files"), and the place in the YAML that has brought it ("services[2]"). */
struct tree_origin {
	char *source, *location;
};

/* Sees all files on their way into the first output that is made of a tree. */
struct tree_watch {
	/* A file: its bytes follow. again: one more name of one that has been there, no bytes follow. */
	int (*file)(struct tree_watch *w, const char *path, const struct tree_inode *inode, bool again,
		    struct error *err);
	int (*data)(struct tree_watch *w, const void *data, size_t n, struct error *err);
	/* All have been there but the late ones, which get their content now (tree_set_file). */
	int (*last)(struct tree_watch *w, struct error *err);
	bool done; /* private */
};

struct tree {
	struct tree_node *root;
	/* private */
	struct tree_node **buckets;
	size_t bucket_count, node_count;
	uint64_t text, holes;        /* bytes that came in so far, also of what has been replaced since */
	struct tree_watch *watch;    /* of the first walk over it, NULL: none; borrowed */
	struct tree_origin *origins; /* number n is at n - 1 */
	uint32_t origin_count, origin;
};

struct tree *tree_new(struct error *err);
void tree_free(struct tree *t); /* NULL is fine */
static inline void cleanup_tree(struct tree **t)
{
	tree_free(*t);
}
#define _cleanup_tree_ _cleanup_(cleanup_tree)

/* --- single entries --- */
struct tree_meta {
	uint32_t mode, uid, gid;
	int64_t mtime;
};

/* The node at a path, NULL where there is none (also for a bad path). Links are not followed. */
struct tree_node *tree_find(const struct tree *t, const char *path);
/* Where a path leads for a program whose root is at `root` ("": the tree's own): links are followed, the last one too,
 * and lead nowhere outside. NULL where it leads nowhere. */
struct tree_node *tree_resolve(const struct tree *t, const char *root, const char *path);
/* The first node with extended attributes, at or below this one; NULL: there is none. */
const struct tree_node *tree_with_xattrs(const struct tree_node *dir);
/* The first one whose time is outside of these, or NULL. */
const struct tree_node *tree_with_time(const struct tree_node *dir, int64_t first, int64_t last);
/* Number of nodes, the root excluded. */
size_t tree_count(const struct tree *t);
/* What is put, merged or copied into the tree from now on comes from there; source NULL: from nowhere. */
int tree_set_origin(struct tree *t, const char *source, const char *location, struct error *err);
/* NULL: nowhere. Valid as long as the tree. */
static inline const struct tree_origin *tree_origin(const struct tree *t, const struct tree_inode *inode)
{
	return inode->origin ? &t->origins[inode->origin - 1] : NULL;
}
/* The path of a node, "" for the root. Caller frees; NULL without memory. */
char *tree_path(const struct tree_node *node);

/* Each returns the node, or NULL with an error that names the path. */
struct tree_node *tree_add_dir(struct tree *t, const char *path, const struct tree_meta *meta, struct error *err);
/* Copies the bytes. */
struct tree_node *tree_add_bytes(struct tree *t, const char *path, const struct tree_meta *meta, const void *data,
				 size_t n, struct error *err);
/* A regular file of the host; its size is taken now, its content when the tree is written, and a change of size in
 * between is an error then. */
struct tree_node *tree_add_file(struct tree *t, const char *path, const struct tree_meta *meta, const char *host_path,
				struct error *err);
/* Gives an empty file, or one that this has been given, the content of a file of the host. */
int tree_set_file(struct tree_node *node, const char *host_path, struct error *err);
/* The whole of a stream whose length is known. Takes a reference of its own. */
struct tree_node *tree_add_source(struct tree *t, const char *path, const struct tree_meta *meta, struct source *source,
				  uint64_t size, struct error *err);
struct tree_node *tree_add_symlink(struct tree *t, const char *path, const struct tree_meta *meta, const char *target,
				   struct error *err);
/* TREE_CHAR, TREE_BLOCK or TREE_FIFO. */
struct tree_node *tree_add_special(struct tree *t, const char *path, const struct tree_meta *meta, enum tree_type type,
				   uint32_t major, uint32_t minor, struct error *err);
/* One more name for the file at `existing` (no directory), in this tree. */
struct tree_node *tree_add_link(struct tree *t, const char *path, const char *existing, struct error *err);
/* A copy of one node (not its children, xattrs included), perhaps from another tree. The content reference is
 * shared, nothing is read. */
struct tree_node *tree_add_copy(struct tree *t, const char *path, const struct tree_node *node, struct error *err);
int tree_set_xattr(struct tree_node *node, const char *name, const void *value, size_t n, struct error *err);

/* Removes a path with all below it; a missing one is fine. */
void tree_remove(struct tree *t, const char *path);

/* --- whole trees --- */
enum tree_verdict {
	TREE_KEEP,
	TREE_DROP, /* a directory with children that are kept stays, as an implied one */
};
/* Called with every path before it goes into the target, parents first, siblings in byte order. `path` is relative to
 * what is being added (no prefix; "" is its root); the inode's plain fields may be changed (they are those of all its
 * names). -1 with err stops. */
typedef int tree_filter_fn(void *data, const char *path, struct tree_node *node, struct error *err);

/* A tar archive (plain, gzip or zstd) below prefix ("" or "containers/services/web/rootfs"; made where missing), read
 * to its end. What exists there is overlaid as single entries would be. It is no layer of an image: names that begin
 * with
 * ".wh." are plain files. filter may be NULL. `what` names the archive in errors. */
int tree_add_archive(struct tree *t, const char *prefix, struct source *source, const char *what,
		     tree_filter_fn *filter, void *data, struct error *err);
/* An archive that tree_write_tar() has written, into an empty tree: entries have the origins that it says. */
int tree_read_archive(struct tree *t, struct source *source, const char *what, struct error *err);
/* The archive that a file of a tree is (LinuxKit's kernel.tar). */
int tree_add_archive_node(struct tree *t, const char *prefix, const struct tree_node *file, tree_filter_fn *filter,
			  void *data, struct error *err);
/* A directory of the host with everything in it (not crossing mount points), owners from the host unless meta is given:
 * then uid, gid and mtime are meta's and modes the host's. */
int tree_add_directory(struct tree *t, const char *prefix, const char *host_path, const struct tree_meta *meta,
		       struct error *err);

/* Moves everything from one tree into another below prefix; `from` is empty afterwards (free it all the same). */
int tree_merge(struct tree *t, const char *prefix, struct tree *from, tree_filter_fn *filter, void *data,
	       struct error *err);

/* --- content --- */
/* A regular file's content; NULL on failure (EINVAL for other types). */
struct stream *tree_open(const struct tree_node *node, struct error *err);
/* The same in one go, at most max bytes (EFBIG), appended to out. */
int tree_read(const struct tree_node *node, size_t max, struct buf *out, struct error *err);
