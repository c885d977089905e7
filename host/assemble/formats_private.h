/* Shared by the files that write a tree's formats. */
#pragma once

#include "assemble_private.h"
#include "formats.h"
#include "outfile.h"
#include "output.h"

struct outputs {
	struct assembly *a;
	const struct build_options *o;
	const char *base;  /* DIR/NAME */
	struct tree *boot; /* kernel, cmdline, ucode.cpio, dtb/, as far as there are any; the SBOM reads them, too */
	struct tree *early;
	enum output_root root;
	enum zip zip;
	int zip_level;
	struct outfile_set set; /* written files, without their names until all are written */

	/* What disks and ISO images are made of, once for all of them. */
	struct temp_dir temp;
	char *kernel, *initrd;   /* files; NULL: not made yet */
	struct systems *systems; /* of disks with two, and of updates; NULL: not made yet */
};

/* --- formats_parts.c --- */
/* The tree's /init where it is a file, else NULL. */
const struct tree_node *init_program(const struct outputs *x);
/* Names what is made next. */
int format_begin(const char *path, struct error *err);
/* with_ucode: microcode in front of it. set NULL: the file is there at once. */
int write_initrd(struct outputs *x, struct outfile_set *set, const char *path, bool with_ucode, struct error *err);
/* Where a file loses something that its image has given it, and LinuxKit's output does too. */
void warn_xattrs(const struct outputs *x, const char *format);

/* Makes x->kernel, x->initrd where they are not made yet, and x->temp with the first. */
int boot_kernel(struct outputs *x, struct error *err);
int boot_initrd(struct outputs *x, struct error *err);
/* The YAML's command line, with `root` (NULL: nothing) where it names none. Caller frees. */
int boot_cmdline(const struct outputs *x, const char *root, char **out, struct error *err);

/* --- formats_kernel.c --- */
/* The kernel can be started by what the format has for it, and has the drivers for its root: an error says which it
 * lacks. Of a kernel that does not say what is built in nothing is known; one with modules is warned of. */
int format_suits_kernel(struct outputs *x, enum build_format format, struct error *err);

/* --- formats_disk.c --- */
int write_disk(struct outputs *x, enum build_format format, struct error *err);

/* --- formats_ab.c --- */
struct media_system;
/* The two systems of a disk, in the files of x->temp; made with the first. NULL: error. */
const struct media_system *systems_make(struct outputs *x, struct error *err);
void systems_free(struct systems *s);
int write_update(struct outputs *x, struct error *err);
/* Kernel and init can start a root that is in a slot. */
int systems_suit(const struct outputs *x, const char *format, struct error *err);
/* A word of the label by which an init image or a kernel image says what it can (org.pith.*.root). */
bool init_can(const struct outputs *x, const char *word);
bool kernel_can(const struct outputs *x, const char *word);

/* --- formats_rpi3.c --- */
int write_rpi3(struct outputs *x, struct error *err);
