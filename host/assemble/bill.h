/* The SBOM of a build: host/sbom knows what is in one; this brings the two together. The file is in the tree from the
 * beginning, and gets its content when the tree has been written for the first time, all but for it. */
#pragma once

#include "assemble.h"
#include "options.h"

struct outfile_set;

/* The path in the root that the options ask for. */
const char *bill_path(const struct build_options *o);

int bill_new(struct assembly *a, struct error *err);
void bill_free(struct bill *b); /* NULL is fine */
/* Init image i is in the tree: its packages count, whatever another image puts over their database. */
int bill_note_databases(struct assembly *a, size_t i, struct error *err);
/* The file, when all else is in the tree. */
int bill_place(struct assembly *a, struct error *err);
/* The kernel's files are in a tree of their own from now on; borrowed. */
void bill_set_boot(struct bill *b, const struct tree *boot);
/* A copy on this machine, as --sbom-output says. To be called when an output has been written. */
int bill_copy(struct bill *b, struct outfile_set *set, const struct build_options *o, struct error *err);
/* Says what could not be read. */
void bill_warn(const struct bill *b);
