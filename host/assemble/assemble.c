/* The tree of an image. assembly_images() (images.c) first finds every image that the configuration names; then each
 * section adds to the tree, in LinuxKit's order, since a later entry replaces an earlier one:
 *
 *   kernel_add()      kernel.c      boot/kernel, boot/cmdline, the kernel's archive
 *   init_add()        init.c        the root
 *   volumes_add()     volumes.c     containers/volumes
 *   containers_add()  containers.c  containers/onboot, onshutdown, services: bundles, by spec/
 *   modules_add()     modules.c     kernel modules, where a container may load some
 *   files_add()       files.c       single files
 *   bill_place()      bill.c        the SBOM, which gets its content when the tree is written
 *
 * A section that fails says so in the configuration's diags, with file and line, and the others go on: one run finds
 * all that is wrong. */
#include "assemble.h"

#include <stdlib.h>
#include <string.h>

#include "assemble_private.h"
#include "bill.h"
#include "doubts.h"
#include "input_tar.h"

void assembly_clear(struct assembly *a)
{
	size_t i;

	tree_free(a->tree);
	for (i = 0; i < a->image_count; i++) {
		free(a->images[i].name);
		free(a->images[i].unpacked);
		image_free(a->images[i].image);
	}
	free(a->images);
	free(a->scripts);
	bill_free(a->bill);
	input_tar_free(a->input);
	a->input = NULL;
	a->bill = NULL;
	a->scripts = NULL;
	a->script_count = 0;
	a->tree = NULL;
	a->images = NULL;
	a->image_count = 0;
}

static int add_dockerfile(struct assembly *a, struct error *err)
{
	static const char text[] = "\nFROM scratch\n\nCOPY . ./\n\nENTRYPOINT [\"/bin/rc.init\"]\n";
	struct tree_meta meta = fixed_meta(0644);

	if (origin_begin(a, "linuxkit.docker", "docker", ORIGIN_SECTION, err) < 0)
		return -1;
	return tree_add_bytes(a->tree, "Dockerfile", &meta, text, strlen(text), err) ? 0 : -1;
}

bool assembly_tree(struct assembly *a, struct error *err)
{
	a->tree = tree_new(err);
	if (!a->tree || (a->options->sbom && bill_new(a, err) < 0) ||
	    (a->options->input_tar && input_tar_open(a, a->options->input_tar, err) < 0))
		return false;
	kernel_add(a);
	init_add(a);
	volumes_add(a);
	containers_add(a);
	modules_add(a);
	files_add(a);
	if (a->config->diags.errors == 0)
		doubts_scripts(a);
	if (a->options->dockerfile && add_dockerfile(a, err) < 0)
		return false;
	if (a->config->diags.errors == 0 && a->bill && bill_place(a, err) < 0)
		return false;
	if (tree_set_origin(a->tree, NULL, NULL, err) < 0)
		return false;
	return a->config->diags.errors == 0;
}
