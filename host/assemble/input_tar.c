/* An archive that a build has written says of every entry where it came from. That of an image which this build wants
 * in the same place is taken from it; everything else is made as always. The result has the same files, and the same
 * bytes where nothing has changed.
 *
 * A name may stand for another image by now. Where the archive has an SBOM that tells digests, an image has to have the
 * same; where it has none names alone count, as in LinuxKit.
 *
 * In the archive only the last of several files of one path is left. What images put into the root is therefore taken
 * only while all that has been put over it comes again: all init images of the archive (and none whose list of packages
 * another image's has replaced), and all files of the YAML. */
#include "input_tar.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assemble_private.h"
#include "jsonr.h"
#include "log.h"
#include "ref.h"
#include "stream.h"

struct input_tar {
	struct tree *tree;
	bool root, any;          /* what is in the root, and below containers/, may be taken */
	bool taken;              /* by the last input_tar_take() */
	char **names, **digests; /* of its SBOM, NULL: it has none */
};

enum { SBOM_MAX = 64 << 20 };

/* --- which images the archive is made of --- */

static int image_note(struct input_tar *in, const struct jsonr *package, struct error *err)
{
	struct jsonr name = jsonr_get(package, "name"), version = jsonr_get(package, "versionInfo");
	_cleanup_free_ char *digest = jsonr_text(&version), *text = NULL;

	if (!digest || !digest_valid(digest))
		return 0; /* no image */
	text = jsonr_text(&name);
	if (!text || strv_add(&in->names, text) < 0 || strv_add(&in->digests, digest) < 0)
		return error_set(err, ENOMEM, "SBOM");
	return 0;
}

/* An archive without one, or with one that is not ours, tells nothing. */
static int digests_read(struct input_tar *in, struct error *err)
{
	const struct tree_node *n = tree_find(in->tree, "sbom.spdx.json");
	_cleanup_buf_ struct buf text = { 0 };
	struct jsonr doc, packages, package;
	struct jsonr_iter it;

	if (!n || n->inode->type != TREE_FILE || n->inode->size > SBOM_MAX)
		return 0;
	if (tree_read(n, SBOM_MAX, &text, err) < 0)
		return -1;
	if (jsonr_parse(buf_text(&text), text.len, &doc, NULL) < 0)
		return 0;
	packages = jsonr_get(&doc, "packages");
	for (it = jsonr_iter(&packages); jsonr_element(&it, &package);)
		if (image_note(in, &package, err) < 0)
			return -1;
	return 0;
}

/* The image that goes by that name is the one that the archive has. */
static bool image_is_same(const struct assembly *a, const struct input_tar *in, const char *name)
{
	const struct loaded_image *img = assembly_find(a, name);

	for (size_t i = 0; in->names && in->names[i]; i++)
		if (str_eq(in->names[i], name))
			return img && str_eq(in->digests[i], img->image->digest);
	return true;
}

/* --- what may be taken --- */

/* A path of the archive that a file of the YAML made comes again, as that file or as a directory above one. */
static bool file_comes_again(const struct config *c, const char *path)
{
	size_t n = strlen(path);

	for (size_t i = 0; i < c->added.count; i++) {
		const char *text = node_text(c->added.list[i].node, FILE_PATH);

		while (text && *text == '/')
			text++;
		if (text && strncmp(text, path, n) == 0 && (!text[n] || text[n] == '/'))
			return true;
	}
	return false;
}

static bool files_come_again(const struct assembly *a, const struct input_tar *in, const struct tree_node *dir)
{
	for (const struct tree_node *n = dir->children; n; n = n->next) {
		const struct tree_origin *origin = tree_origin(in->tree, n->inode);
		_cleanup_free_ char *path = origin && str_eq(origin->source, "linuxkit.files") ? tree_path(n) : NULL;

		if (path && !file_comes_again(a->config, path))
			return false;
		if (!files_come_again(a, in, n))
			return false;
	}
	return true;
}

/* "init[2]" is 2. */
static bool init_number(const char *location, size_t *number)
{
	char *end;

	if (!str_starts(location, "init["))
		return false;
	*number = (size_t)strtoul(location + strlen("init["), &end, 10);
	return str_eq(end, "]");
}

static bool root_comes_again(const struct assembly *a, const struct input_tar *in)
{
	static const char *const lists[] = { "var/lib/dpkg/status", "var/lib/rpm", "usr/lib/sysimage/rpm" };
	size_t number, last = 0;

	for (uint32_t i = 0; i < in->tree->origin_count; i++) {
		const struct tree_origin *o = &in->tree->origins[i];

		if (str_eq(o->location, "init"))
			return false; /* several images' lists of Alpine packages, as one */
		if (!init_number(o->location, &number))
			continue;
		if (number >= a->config->init.count ||
		    !str_eq(o->source, assembly_find(a, a->config->init.list[number].node->text)->name) ||
		    !image_is_same(a, in, o->source))
			return false;
		last = number > last ? number : last;
	}
	for (size_t i = 0; last > 0 && i < array_len(lists); i++)
		if (tree_find(in->tree, lists[i]))
			return false;
	return true;
}

int input_tar_open(struct assembly *a, const char *path, struct error *err)
{
	_cleanup_source_ struct source *source = source_from_file(path, err);
	struct input_tar *in = source ? calloc(1, sizeof(*in)) : NULL;

	if (!in)
		return source ? error_set(err, ENOMEM, "%s", path) : -1;
	a->input = in;
	in->tree = tree_new(err);
	if (!in->tree || tree_read_archive(in->tree, source, path, err) < 0)
		return -1;
	if (!in->tree->origin_count)
		return error_say(err, EINVAL, "%s: no archive of a build: its entries do not say where they are from",
				 path);
	if (digests_read(in, err) < 0)
		return -1;
	in->any = files_come_again(a, in, in->tree->root);
	in->root = in->any && root_comes_again(a, in);
	if (!in->any)
		log_info("  a file of the archive is not in the YAML any more: all images are unpacked");
	return 0;
}

void input_tar_free(struct input_tar *in)
{
	if (!in)
		return;
	tree_free(in->tree);
	strv_free(in->names);
	strv_free(in->digests);
	free(in);
}

/* --- taking --- */

struct taking {
	struct assembly *a;
	const struct tree_origin *origin;
	struct {
		const struct tree_inode *inode;
		char *path;
	} * linked; /* files with several names, at the first of them */
	size_t count;
	bool any;
};

static bool origin_is(const struct taking *t, const struct tree_node *n)
{
	const struct tree_origin *o = tree_origin(t->a->input->tree, n->inode);

	return o && str_eq(o->source, t->origin->source) && str_eq(o->location, t->origin->location);
}

static int node_take(struct taking *t, const struct tree_node *n, struct error *err)
{
	_cleanup_free_ char *path = tree_path(n);
	void *grown;

	if (!path)
		return error_set(err, ENOMEM, "file tree");
	t->any = true;
	for (size_t i = 0; n->inode->names > 1 && i < t->count; i++)
		if (t->linked[i].inode == n->inode)
			return tree_add_link(t->a->tree, path, t->linked[i].path, err) ? 0 : -1;
	if (!tree_add_copy(t->a->tree, path, n, err))
		return -1;
	if (n->inode->names < 2)
		return 0;
	grown = realloc(t->linked, (t->count + 1) * sizeof(*t->linked));
	if (!grown)
		return error_set(err, ENOMEM, "file tree");
	t->linked = grown;
	t->linked[t->count].inode = n->inode;
	t->linked[t->count++].path = steal_ptr(&path);
	return 0;
}

/* Parents first, in no other order. */
static int below_take(struct taking *t, const struct tree_node *dir, struct error *err)
{
	if (origin_is(t, dir) && node_take(t, dir, err) < 0)
		return -1;
	for (const struct tree_node *n = dir->children; n; n = n->next)
		if (below_take(t, n, err) < 0)
			return -1;
	return 0;
}

int input_tar_take(struct assembly *a, const char *prefix, struct error *err)
{
	struct taking t = { .a = a, .origin = &a->tree->origins[a->tree->origin - 1] };
	struct input_tar *in = a->input;
	const struct tree_node *from = in ? tree_find(in->tree, prefix) : NULL;
	int r;

	if (in)
		in->taken = false;
	if (!from || from->inode->type != TREE_DIR || !(*prefix ? in->any : in->root) ||
	    !image_is_same(a, in, t.origin->source))
		return 0;
	r = below_take(&t, from, err);
	for (size_t i = 0; i < t.count; i++)
		free(t.linked[i].path);
	free(t.linked);
	in->taken = r == 0 && t.any;
	return r < 0 ? -1 : t.any;
}

void input_tar_tell(struct assembly *a, const char *old, const struct buf *now)
{
	const struct tree_origin *origin = &a->tree->origins[a->tree->origin - 1];
	const struct tree_node *n = a->input && old ? tree_find(a->input->tree, old) : NULL;
	_cleanup_buf_ struct buf was = { 0 };
	bool same = true;

	if (!a->input || !a->input->taken)
		return;
	a->input->taken = false;
	if (n &&
	    (n->inode->size != now->len || tree_read(n, now->len, &was, NULL) < 0 || was.len != now->len ||
	     memcmp(buf_bytes(&was), buf_bytes(now), now->len) != 0))
		same = false;
	/* LinuxKit's words, for an entry that is as it was */
	log_info(same ? "  Copy %s files from input tar: %s" : "  Files of the changed %s come from the input tar: %s",
		 origin->location, origin->source);
}
