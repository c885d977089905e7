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
	struct tree *boot; /* kernel, cmdline, ucode.cpio, as far as there are any; the SBOM reads them, too */
	struct tree *early;
	enum output_root root;
	enum zip zip;
	int zip_level;
	struct outfile_set set; /* written files, without their names until all are written */

	/* What disks and ISO images are made of, once for all of them (formats_disk.c). */
	struct temp_dir temp;
	char *kernel, *initrd; /* files; NULL: not made yet */
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
/* A root that nothing is in front of needs a kernel that does without modules. */
void warn_modules(const struct outputs *x, enum build_format format);

/* --- formats_disk.c --- */
int write_disk(struct outputs *x, enum build_format format, struct error *err);
