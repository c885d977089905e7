/* The SBOM of a build, from the images that it names to the files that tell of it. */
#include "bill.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assemble_private.h"
#include "log.h"
#include "outfile.h"
#include "sbom.h"
#include "version.h"

#define BILL_NAME "sbom.spdx.json"

struct bill {
	struct assembly *a;
	struct sbom *sbom;
	struct tree_node *node;
	const struct tree *boot;
	struct tree *databases; /* of init images, below their number */
	int file;               /* what the node's content is */
};

/* Which of a root's files have another one's packages in their place when two images bring them. */
static const char *const databases[] = { "var/lib/dpkg/status",
					 "lib/apk/db/installed",
					 "usr/lib/apk/db/installed",
					 "var/lib/rpm/rpmdb.sqlite",
					 "usr/lib/sysimage/rpm/rpmdb.sqlite",
					 "var/lib/rpm/Packages.db",
					 "usr/lib/sysimage/rpm/Packages.db" };

const char *bill_path(const struct build_options *o)
{
	return o->sbom_output && *o->sbom_output != '/' ? o->sbom_output : BILL_NAME;
}

static int image_add(struct bill *b, const struct loaded_image *img, struct error *err)
{
	const struct node *kernel = b->a->config->kernel[KERNEL_IMAGE];
	struct sbom_image image = { .name = img->name,
				    .digest = img->image->digest,
				    .arch = b->a->options->platform.arch,
				    .licence = image_label(img->image, "org.opencontainers.image.licenses"),
				    .kernel = kernel && assembly_find(b->a, kernel->text) == img };

	return sbom_add_image(b->sbom, &image, err);
}

int bill_new(struct assembly *a, struct error *err)
{
	struct bill *b = calloc(1, sizeof(*b));

	if (!b)
		return error_set(err, ENOMEM, "SBOM");
	a->bill = b;
	*b = (struct bill){ .a = a, .file = -1 };
	b->databases = tree_new(err);
	b->sbom = b->databases ? sbom_new(PITH_VERSION, a->options->sbom_time, err) : NULL;
	if (!b->sbom)
		return -1;
	for (size_t i = 0; i < a->image_count; i++)
		if (a->images[i].image && image_add(b, &a->images[i], err) < 0)
			return -1;
	return 0;
}

void bill_free(struct bill *b)
{
	if (!b)
		return;
	sbom_free(b->sbom);
	tree_free(b->databases);
	cleanup_close(&b->file);
	free(b);
}

static const char *init_image(const struct assembly *a, size_t i)
{
	return assembly_find(a, a->config->init.list[i].node->text)->name;
}

static bool node_is_of(const struct assembly *a, const struct tree_node *n, const char *image)
{
	const struct tree_origin *origin = n ? tree_origin(a->tree, n->inode) : NULL;

	return origin && strcmp(origin->source, image) == 0;
}

int bill_note_databases(struct assembly *a, size_t i, struct error *err)
{
	for (size_t k = 0; k < array_len(databases); k++) {
		const struct tree_node *n = tree_find(a->tree, databases[k]);
		_cleanup_free_ char *path = str_format("%zu/%s", i, databases[k]);

		if (!path)
			return error_set(err, ENOMEM, "SBOM");
		if (node_is_of(a, n, init_image(a, i)) && n->inode->type == TREE_FILE &&
		    !tree_add_copy(a->bill->databases, path, n, err))
			return -1;
	}
	return 0;
}

/* Those that another image's database has taken the place of. */
static int databases_add(struct bill *b, struct error *err)
{
	const struct assembly *a = b->a;

	for (size_t i = 0; i < a->config->init.count; i++)
		for (size_t k = 0; k < array_len(databases); k++) {
			_cleanup_free_ char *path = str_format("%zu/%s", i, databases[k]);
			const struct tree_node *n = path ? tree_find(b->databases, path) : NULL;

			if (!path)
				return error_set(err, ENOMEM, "SBOM");
			if (n && !node_is_of(a, tree_find(a->tree, databases[k]), init_image(a, i)) &&
			    sbom_add_database(b->sbom, databases[k], init_image(a, i), n, err) < 0)
				return -1;
		}
	return 0;
}

static int boot_add(struct bill *b, struct error *err)
{
	static const char *const names[] = { "kernel", "cmdline", "ucode.cpio" };
	const struct node *image = b->a->config->kernel[KERNEL_IMAGE];

	for (size_t i = 0; b->boot && i < array_len(names); i++) {
		const struct tree_node *n = tree_find(b->boot, names[i]);
		_cleanup_free_ char *path = str_format("boot/%s", names[i]);

		if (!path)
			return error_set(err, ENOMEM, "SBOM");
		if (n &&
		    sbom_add_file(b->sbom, path, image ? assembly_find(b->a, image->text)->name : NULL, n, err) < 0)
			return -1;
	}
	return 0;
}

/* The tree's last word before the SBOM itself: see struct tree_watch. */
static int bill_finish(void *data, struct error *err)
{
	struct bill *b = data;
	char proc[40];

	if (boot_add(b, err) < 0 || databases_add(b, err) < 0)
		return -1;
	b->file = temp_file_open(err);
	if (b->file < 0)
		return error_wrap(err, "SBOM");
	if (sbom_write(b->sbom, sbom_format_of(b->a->options->sbom), b->file, err) < 0)
		return -1;
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", b->file);
	return tree_set_file(b->node, proc, err);
}

int bill_place(struct assembly *a, struct error *err)
{
	const char *path = a->options->sbom;
	struct tree_meta meta = fixed_meta(0644);
	struct bill *b = a->bill;

	if (tree_find(a->tree, path))
		return error_say(err, EEXIST,
				 "the SBOM goes to /%s, which is in the image: --sbom-output gives it another name, "
				 "--no-sbom leaves it out",
				 path);
	if (origin_begin(a, "linuxkit.sbom", "sbom", ORIGIN_SECTION, err) < 0)
		return -1;
	b->node = tree_add_bytes(a->tree, path, &meta, "", 0, err);
	if (!b->node)
		return -1;
	b->node->inode->late = true;
	a->tree->watch = sbom_watch(b->sbom, a->tree, bill_finish, b);
	return 0;
}

void bill_set_boot(struct bill *b, const struct tree *boot)
{
	b->boot = boot;
}

/* Beside the outputs, or where the option says. */
static char *copy_path(const struct build_options *o)
{
	const char *slash = strrchr(o->sbom_output, '/'), *name = slash ? slash + 1 : o->sbom_output, *end;

	if (*o->sbom_output == '/')
		return strdup(o->sbom_output);
	if (o->dir)
		return str_format("%s/%s", o->dir, name);
	end = o->output ? strrchr(o->output, '/') : NULL;
	return end ? str_format("%.*s/%s", (int)(end - o->output), o->output, name) : strdup(name);
}

int bill_copy(struct bill *b, struct outfile_set *set, const struct build_options *o, struct error *err)
{
	_cleanup_outfile_ struct outfile file = OUTFILE_INIT;
	_cleanup_free_ char *path = copy_path(o);

	if (!path)
		return error_set(err, ENOMEM, "SBOM");
	log_info("  %s", path);
	if (outfile_open(&file, path, err) < 0 || sbom_write(b->sbom, sbom_format_of(path), file.fd, err) < 0)
		return -1;
	return outfile_keep(set, &file, 0644, err);
}

void bill_warn(const struct bill *b)
{
	char *const *doubts = sbom_doubts(b->sbom);

	for (; doubts && *doubts; doubts++)
		log_warn("%s", *doubts);
}
