/* Output files: a tree, or parts of it, into files that appear whole or not at all. */
#include "output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "hashtree.h"
#include "outfile.h"
#include "progress.h"
#include "str.h"

typedef int write_fn(const void *what, struct sink *out, struct error *err);

/* Opens, lets fn write, finishes, commits. path "-": standard output. */
static int with_file(struct outfile_set *set, const char *path, write_fn *fn, const void *what, struct error *err)
{
	_cleanup_outfile_ struct outfile file = OUTFILE_INIT;
	_cleanup_progress_ struct progress progress = { 0 };
	bool standard = str_eq(path, "-");
	struct sink *out;
	int r;

	progress_begin(&progress, 0, 0, "writing %s", standard ? "standard output" : path);
	if (!standard && outfile_open(&file, path, err) < 0)
		return -1;
	out = sink_to_fd(standard ? STDOUT_FILENO : file.fd, standard ? "standard output" : path, err);
	if (!out)
		return -1;
	file.brief = !set;
	if (set && !standard)
		sink_begin_early(out);
	r = fn(what, out, err);
	if (r == 0)
		r = sink_finish(out, err);
	sink_free(out);
	if (r < 0 || standard)
		return r;
	return outfile_keep(set, &file, 0644, err);
}

/* Writes the tree as tar or cpio through a compressor. */
static int write_zipped(const struct tree *t, int (*format)(const struct tree *, struct sink *, struct error *),
			enum zip zip, int level, struct sink *out, struct error *err)
{
	_cleanup_sink_ struct sink *zipped = zip_sink(out, zip, level, err);

	if (!zipped || format(t, zipped, err) < 0)
		return -1;
	return sink_finish(zipped, err);
}

struct tar_output {
	const struct tree *tree;
	enum zip zip;
};

static int write_tar(const void *what, struct sink *out, struct error *err)
{
	const struct tar_output *o = what;

	return write_zipped(o->tree, tree_write_tar, o->zip, 0, out, err);
}

int output_tar(const struct tree *t, struct outfile_set *set, const char *path, enum zip zip, struct error *err)
{
	struct tar_output what = { t, zip };

	return with_file(set, path, write_tar, &what, err);
}

/* verity NULL: without a hash tree. */
static int output_image(const struct tree *t, struct outfile_set *set, const char *path,
			int (*make)(const struct tree *, int, struct error *), struct verity *verity, struct error *err)
{
	_cleanup_outfile_ struct outfile file = OUTFILE_INIT;
	_cleanup_progress_ struct progress progress = { 0 };

	progress_begin(&progress, 0, 0, "writing %s", path);
	if (outfile_open(&file, path, err) < 0 || make(t, file.fd, err) < 0 ||
	    (verity && hashtree_append(file.fd, verity, err) < 0))
		return -1;
	file.brief = !set;
	return outfile_keep(set, &file, 0644, err);
}

int output_squashfs(const struct tree *t, struct outfile_set *set, const char *path, struct error *err)
{
	return output_image(t, set, path, tree_write_squashfs, NULL, err);
}

int output_erofs(const struct tree *t, struct outfile_set *set, const char *path, struct error *err)
{
	return output_image(t, set, path, tree_write_erofs, NULL, err);
}

int output_verified(const struct tree *t, enum output_root root, struct outfile_set *set, const char *path,
		    struct verity *verity, struct error *err)
{
	return output_image(t, set, path, root == OUTPUT_EROFS ? tree_write_erofs : tree_write_squashfs, verity, err);
}

static int write_iso_data(const struct tree *t, int fd, struct error *err)
{
	return tree_write_iso(t, ISO_DATA, fd, err);
}

static int write_iso_bios(const struct tree *t, int fd, struct error *err)
{
	return tree_write_iso(t, ISO_BIOS, fd, err);
}

static int write_iso_efi(const struct tree *t, int fd, struct error *err)
{
	return tree_write_iso(t, ISO_EFI, fd, err);
}

int output_iso(const struct tree *t, enum iso_boot boot, struct outfile_set *set, const char *path, struct error *err)
{
	static int (*const writers[])(const struct tree *, int, struct error *) = { write_iso_data, write_iso_bios,
										    write_iso_efi };

	return output_image(t, set, path, writers[boot], NULL, err);
}

/* --- initrd --- */

struct initrd_output {
	const struct tree *tree;
	const struct output_initrd *how;
	const char *path;
};

static int write_node(const void *what, struct sink *out, struct error *err)
{
	_cleanup_stream_ struct stream *s = tree_open(what, err);
	_cleanup_free_ uint8_t *chunk = malloc(64 << 10);
	ssize_t r;

	if (!s)
		return -1;
	if (!chunk)
		return error_set(err, ENOMEM, "copying");
	while ((r = s->read(s, chunk, 64 << 10, err)) > 0)
		if (sink_write(out, chunk, (size_t)r, err) < 0)
			return -1;
	return r < 0 ? -1 : 0;
}

/* The files of `early` stay where they are: the small tree gets copies of its nodes. */
static int copy_tree(struct tree *to, const struct tree_node *dir, struct error *err)
{
	for (const struct tree_node *n = dir->children; n; n = n->next) {
		_cleanup_free_ char *path = tree_path(n);

		if (!path)
			return error_set(err, ENOMEM, "initrd");
		if (!tree_add_copy(to, path, n, err) || copy_tree(to, n, err) < 0)
			return -1;
	}
	return 0;
}

static const struct tree_meta small_meta = { .mode = 0644 };

static int small_begin(struct tree *small, const struct output_initrd *how, struct error *err)
{
	if (!tree_add_copy(small, "init", how->init, err))
		return -1;
	return how->early ? copy_tree(small, how->early->root, err) : 0;
}

/* image: stays open until the small tree is written. */
static int image_add(const struct initrd_output *o, struct tree *small, struct outfile *image, struct error *err)
{
	bool erofs = o->how->root == OUTPUT_EROFS;
	char proc[40];

	if (outfile_open(image, o->path, err) < 0 ||
	    (erofs ? tree_write_erofs : tree_write_squashfs)(o->tree, image->fd, err) < 0 ||
	    (o->how->verity && hashtree_append(image->fd, o->how->verity, err) < 0))
		return -1;
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", image->fd);
	return tree_add_file(small, erofs ? "rootfs.erofs" : "rootfs.squashfs", &small_meta, proc, err) ? 0 : -1;
}

static int write_wrapped(const struct initrd_output *o, struct sink *out, struct error *err)
{
	_cleanup_outfile_ struct outfile image = OUTFILE_INIT; /* never committed: it needs a place, not a name */
	_cleanup_tree_ struct tree *small = tree_new(err);

	if (!small || (o->how->root != OUTPUT_BARE && image_add(o, small, &image, err) < 0))
		return -1;
	if (small_begin(small, o->how, err) < 0)
		return -1;
	return tree_write_cpio(small, out, err);
}

static int write_slot(const struct initrd_output *o, struct sink *out, struct error *err)
{
	_cleanup_tree_ struct tree *small = tree_new(err);

	if (!small || small_begin(small, o->how, err) < 0 ||
	    !tree_add_bytes(small, "rootfs.slot", &small_meta, o->how->slot, strlen(o->how->slot), err))
		return -1;
	return tree_write_cpio(small, out, err);
}

static int write_initrd(const void *what, struct sink *out, struct error *err)
{
	const struct initrd_output *o = what;

	if (o->how->ucode && (write_node(o->how->ucode, out, err) < 0 || sink_pad(out, 512, err) < 0))
		return -1;
	if (o->how->root == OUTPUT_SLOT)
		return write_slot(o, out, err);
	if (o->how->root != OUTPUT_PLAIN)
		return write_wrapped(o, out, err);
	return write_zipped(o->tree, tree_write_cpio, o->how->zip, o->how->level, out, err);
}

int output_initrd(const struct tree *t, const struct output_initrd *how, struct outfile_set *set, const char *path,
		  struct error *err)
{
	struct initrd_output what = { t, how, path };

	if (how->root != OUTPUT_PLAIN && !how->init)
		return error_say(err, EINVAL, "no /init for the initrd");
	return with_file(set, path, write_initrd, &what, err);
}

int output_node(const struct tree_node *file, struct outfile_set *set, const char *path, struct error *err)
{
	return with_file(set, path, write_node, file, err);
}

struct bytes_output {
	const void *data;
	size_t n;
};

static int write_bytes(const void *what, struct sink *out, struct error *err)
{
	const struct bytes_output *o = what;

	return sink_write(out, o->data, o->n, err);
}

int output_bytes(const void *data, size_t n, struct outfile_set *set, const char *path, struct error *err)
{
	struct bytes_output what = { data, n };

	return with_file(set, path, write_bytes, &what, err);
}
