/* What a machine's image is made of, as a software bill of materials: every image with its digest, the packages that
 * the package managers' databases in it name, every file with its digests, the kernel, and pith.
 *
 * Who calls whom:
 *   sbom_new(), sbom_add_image()   the assembly tells which images there are
 *   sbom_watch()                   the tree shows every file as it goes into the first output; databases, os-release
 * and copyright files are kept until they are whole, and parsed (collect.c) sbom_add_file()                what is in
 * the machine and goes by no walk (the kernel beside an initrd) sbom_write()                   sorts all of it, and
 * writes SPDX 2.3 or CycloneDX 1.6
 *
 * The same image gives the same bytes: nothing of it depends on the order in which files came. */
#pragma once

#include <stdint.h>

#include "error.h"
#include "tree.h"

struct sbom;

/* version: pith's; created: seconds since the epoch. Both are copied. */
struct sbom *sbom_new(const char *version, int64_t created, struct error *err);
void sbom_free(struct sbom *s); /* NULL is fine */

struct sbom_image {
	const char *name, *digest, *arch; /* name: the full reference, as the tree's origins have it */
	const char *licence;              /* as the image's label says; NULL: it does not */
	bool kernel;                      /* it is the kernel section's */
};
/* Copied. The same name twice is one. */
int sbom_add_image(struct sbom *s, const struct sbom_image *image, struct error *err);

/* To be set as the tree's watch. `last` is called when all has been seen, in the place of the tree's `last`: it has to
 * fill in the late files. The tree has to outlive the SBOM's use of it. */
struct tree_watch *sbom_watch(struct sbom *s, const struct tree *t, int (*last)(void *data, struct error *err),
			      void *data);
/* Reads a file now. image: a name that was added, NULL for none of them. */
int sbom_add_file(struct sbom *s, const char *path, const char *image, const struct tree_node *file, struct error *err);

/* Reads a database that another image's has taken the place of: its packages are there all the same. */
int sbom_add_database(struct sbom *s, const char *path, const char *image, const struct tree_node *file,
		      struct error *err);

enum sbom_format {
	SBOM_SPDX,      /* https://spdx.github.io/spdx-spec/v2.3/ */
	SBOM_CYCLONEDX, /* https://cyclonedx.org/docs/1.6/json/ */
};
/* By the name of a file: *.cdx.json, *.cyclonedx.json and bom.json are CycloneDX, as its specification has it. */
enum sbom_format sbom_format_of(const char *path);
/* fd: an empty regular file. */
int sbom_write(struct sbom *s, enum sbom_format format, int fd, struct error *err);

/* Databases that could not be read: sentences for the user, NULL-terminated; NULL: none. */
char *const *sbom_doubts(const struct sbom *s);
