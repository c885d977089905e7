/* The file tree of an image, put together from a checked configuration: kernel, init images, volumes, containers and
 * files, in LinuxKit's order and with its contents; a later entry replaces an earlier one. */
#pragma once

#include <stdbool.h>

#include "image.h"
#include "model.h"
#include "tree.h"

/* Time of everything that comes from no image. */
#define ASSEMBLY_TIME 1492533000

struct assembly_options {
	struct store *store;
	struct platform platform;
	bool pull;   /* fetch every image, also those of the cache */
	bool docker; /* ask the Docker daemon first */
	bool decompress_kernel;
	bool dockerfile;  /* add the Dockerfile of format docker */
	const char *sbom; /* where in the root the SBOM goes; NULL: there is none */
	int64_t sbom_time;
	const char *input_tar; /* the archive of a build before, whose files are taken; NULL: none */
};

struct loaded_image; /* private */
struct bill;
struct input_tar;

struct assembly {
	struct config *config;
	const struct assembly_options *options;
	struct tree *tree;
	/* private: what was fetched, by its expanded name */
	struct loaded_image *images;
	size_t image_count;
	struct script_origin {
		const struct tree_inode *inode;
		const struct entry *from; /* the init image that brought it */
	} * scripts;
	size_t script_count;
	struct bill *bill;       /* the SBOM on its way; NULL: none */
	struct input_tar *input; /* the archive of a build before; NULL: none */
	bool bare_modules;       /* the tree has the kernel's archive without modules (modules.c) */
	bool wants_modules;      /* a container may load some */
};

#define _cleanup_assembly_ _cleanup_(assembly_clear)
void assembly_clear(struct assembly *a);

/* Finds all images, pulling what is missing. Problems (all of them) go into the configuration's diags; false then. */
bool assembly_images(struct assembly *a);
/* Fills a->tree. Problems go into diags; false then, or with err when it cannot even begin. */
bool assembly_tree(struct assembly *a, struct error *err);

/* The value of a label that init images or the kernel image carry, NULL where none does. */
const char *assembly_init_label(const struct assembly *a, const char *key);
const char *assembly_kernel_label(const struct assembly *a, const char *key);
