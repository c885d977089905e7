/* The shared libraries that programs need to run, found among unpacked Debian packages without running anything. */
#pragma once

#include "debian.h"
#include "tree.h"

/* Looks through all ELF files of `tree`, and adds what they name as interpreter (at that very path) and as needed
 * libraries (in /usr/lib/MULTIARCH, or where a run path of the program says), and what these need in turn. Unpacks
 * further levels of `debs` as it has to. A library that nothing has is an error that names who needs it. */
int closure_add(struct tree *tree, struct debian *debs, const struct tree_meta *meta, struct error *err);
