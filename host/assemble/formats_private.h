/* Shared by the files that write a tree's formats. */
#pragma once

#include "assemble_private.h"
#include "formats.h"
#include "outfile.h"
#include "output.h"
#include "verity.h"

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
	char *bare, *image;      /* of a verified root on a disk: an initrd without it, and itself; likewise */

	struct signer *signer; /* of what UEFI firmware starts; NULL: nobody */

	bool verified; /* a root with a hash tree was written: */
	struct verity verity;
};

/* --- formats_parts.c --- */
/* The tree's /init where it is a file, else NULL. */
const struct tree_node *init_program(const struct outputs *x);
/* Names what is made next. */
int format_begin(const char *path, struct error *err);
/* with_ucode: microcode in front of it. set NULL: the file is there at once. */
int write_initrd(struct outputs *x, struct outfile_set *set, const char *path, bool with_ucode, struct error *err);
/* The same with PID 1 and what it needs alone: the root is elsewhere. */
int write_bare(struct outputs *x, struct outfile_set *set, const char *path, struct error *err);
/* Where a file loses something that its image has given it, and LinuxKit's output does too. */
void warn_xattrs(const struct outputs *x, const char *format);

/* The labels by which an init image and a kernel image say what they can, and whether a word is in them. */
#define INIT_ROOT_LABEL   "org.pith.init.root"
#define KERNEL_ROOT_LABEL "org.pith.kernel.root"
bool init_can(const struct outputs *x, const char *word);
bool kernel_can(const struct outputs *x, const char *word);
/* Makes x->kernel, x->initrd where they are not made yet, and x->temp with the first. */
int boot_kernel(struct outputs *x, struct error *err);
int boot_initrd(struct outputs *x, struct error *err);
/* Of a verified root on a disk: x->image and x->bare. boot_kernel() came before. */
int boot_root(struct outputs *x, struct error *err);
int boot_bare(struct outputs *x, struct error *err);
/* The YAML's command line, with `root` (NULL: nothing) where it names none, and with what it has to say of a verified
 * root that was written before. Caller frees. */
int boot_cmdline(const struct outputs *x, const char *root, char **out, struct error *err);

/* --- formats_early.c --- */
/* Makes x->early. */
int early_find(struct outputs *x, struct error *err);

/* --- formats_kernel.c --- */
/* The kernel can be started by what the format has for it, and has the drivers for its root: an error says which it
 * lacks. Of a kernel that does not say what is built in nothing is known; one with modules is warned of. */
int format_suits_kernel(struct outputs *x, enum build_format format, struct error *err);

/* --- formats_verity.c --- */
/* The format can have a root that is checked; of its kernel and init format_suits_kernel() knows. */
int verity_suits(const struct outputs *x, enum build_format format, struct error *err);
/* Takes what is to be said of an image that was just written; all of a run are the same. */
int verity_note(struct outputs *x, const struct verity *v, struct error *err);
/* Words of the command line; "" without a verified root. Caller frees; NULL without memory. */
char *verity_words(const struct outputs *x);
/* The partition's. */
enum { VERITY_UUID_TEXT = 37 };
void verity_uuid(const struct outputs *x, char out[static VERITY_UUID_TEXT]);

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

/* --- formats_rpi3.c --- */
int write_rpi3(struct outputs *x, struct error *err);
