/* What is known of a machine, shared by the files that find it out (collect.c) and those that write it. */
#pragma once

#include "arena.h"
#include "buf.h"
#include "found.h"
#include "hasher.h"
#include "licence.h"
#include "sbom.h"

enum { IMAGE_NONE = UINT32_MAX };

struct image_entry {
	char *name, *digest, *arch, *licence; /* licence: an expression, or NULL */
	bool kernel;
	/* filled by model_finish(): its packages and files */
	size_t first_package, package_count, first_file, file_count;
	char verification[2 * SHA1_SIZE + 1]; /* SPDX's code of the files */
};

struct package_entry {
	enum package_kind kind;
	uint32_t image;
	uint32_t number;                                                   /* from 0, in the order of writing */
	const char *root;                                                  /* "" or a path: whose database names it */
	const char *name, *version, *arch, *licence, *maintainer, *source; /* "" where nothing is known */
};

struct file_entry {
	const char *path;
	const struct tree_inode *inode;
	uint32_t image;
	bool seen;     /* else it is one more name of a file, whose digests model_finish() fills in */
	size_t number; /* of the hasher's, until its results are here */
	uint8_t sha1[SHA1_SIZE], sha256[SHA256_SIZE];
};

/* A root's distribution, or a package's copyright file. */
struct root_entry {
	const char *root, *id, *version;
};
struct copyright_entry {
	const char *root, *package, *licence;
};

#define LIST(type)                  \
	struct {                    \
		type *list;         \
		size_t count, room; \
	}

struct model {
	struct arena text;
	char *version, *created, *kernel; /* kernel: its version, NULL: unknown */
	LIST(struct image_entry) images;
	LIST(struct package_entry) packages; /* sorted by image, then kind, root, name, version */
	LIST(struct file_entry) files;       /* sorted by image, then path */
	LIST(struct root_entry) roots;
	LIST(struct copyright_entry) copyrights;
	struct licence_refs refs;
	struct image_entry own; /* what is of no image, and last in the lists; it has no name */
	bool finished;
};

/* Room for one more in a LIST of elements of that size; NULL without memory. */
void *list_grow(void *list, size_t *count, size_t *room, size_t size);
#define LIST_ADD(l) list_grow(&(l).list, &(l).count, &(l).room, sizeof(*(l).list))

const char *model_text(struct model *m, const char *at, size_t n); /* NULL without memory */
/* The number of an image, IMAGE_NONE where there is none of that name. */
uint32_t model_image(const struct model *m, const char *name);
/* Sorts, drops what is there twice, joins licences and digests. Once. */
int model_finish(struct model *m, struct error *err);
/* Which distribution a root is: id may be "". */
const struct root_entry *model_root(const struct model *m, const char *root);
void model_clear(struct model *m);

/* The package's address: https://github.com/package-url/purl-spec. NULL without memory. */
char *purl_package(const struct model *m, const struct package_entry *p);
char *purl_image(const struct image_entry *image);
char *purl_generic(const char *name, const char *version);

int model_write(struct model *m, enum sbom_format format, int fd, struct error *err);
