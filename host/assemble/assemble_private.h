/* Shared by the files that assemble the tree. */
#pragma once

#include "assemble.h"
#include "spec.h"
#include "str.h"

struct loaded_image {
	char *name; /* expanded */
	struct image *image;
	char *unpacked; /* where a container has it in the tree, NULL: nowhere yet */
};

/* Metadata of what comes from no image. */
static inline struct tree_meta fixed_meta(uint32_t mode)
{
	return (struct tree_meta){ .mode = mode, .mtime = ASSEMBLY_TIME };
}

/* Where /etc/resolv.conf of the root and of volumes leads. */
#define ROOT_RESOLV_LINK "/run/resolvconf/resolv.conf"

/* A volume that holds an image as an OCI layout, not its files. */
static inline bool volume_is_layout(const struct node *volume)
{
	const char *format = node_text(volume, VOLUME_FORMAT), *image = node_text(volume, VOLUME_IMAGE);

	return image && *image && format && str_eq(format, "oci");
}

/* The image of that name, which assembly_images() found. */
struct loaded_image *assembly_find(const struct assembly *a, const char *text);

/* What is added from now on comes from there: an image's full reference or one of LinuxKit's words for what comes from
 * none, and the place in the YAML: "SECTION[i]", or "SECTION" with ORIGIN_SECTION. */
#define ORIGIN_SECTION SIZE_MAX
int origin_begin(struct assembly *a, const char *source, const char *section, size_t i, struct error *err);

/* Unpacking an image has failed: says so where it is named, and what helps when it is damaged. */
void image_report(struct assembly *a, const struct node *name, const struct where *where, const struct error *err);

/* Makes a path's directories, all with our metadata, also those that exist. */
int root_prefix(struct tree *t, const char *path, struct error *err);
/* Unpacks an image (or takes its files from the input archive) below prefix ("": the root), with what a container's
 * root must have: see root.c. resolv_link: the target of etc/resolv.conf, NULL: a file. packages: set when the image
 * has an apk database, may be NULL. */
int root_add(struct assembly *a, const char *prefix, const struct image *image, const char *resolv_link, bool *packages,
	     struct error *err);

/* The sections. Whatever is wrong goes into diags, with the place of the image that it came with. */
void kernel_add(struct assembly *a);
/* Behind the containers, which say what they want: the kernel's modules, where they were left out at first. */
void modules_add(struct assembly *a);
void init_add(struct assembly *a);
void volumes_add(struct assembly *a);
void containers_add(struct assembly *a);

/* The archive of a kernel image. */
#define KERNEL_ARCHIVE "kernel.tar"
/* The name of the kernel image's archive without modules; NULL: it has none, or the YAML names an archive. */
const char *modules_bare(const struct assembly *a);
/* Whether a container may be about to load modules: what its image's label org.pith.kernel.modules says, else whether
 * it has the capabilities. */
bool container_wants_modules(const struct spec_input *in, const struct image *image);

/* Checks the files section; sources: also whether the files exist that its entries are copied from. allowed: the paths
 * (NULL: none) below which YAML from a web server may name files of the host. */
void files_check(struct config *c, bool sources, char *const *allowed);
void files_add(struct assembly *a);
