/* The parts of package.h. */
#pragma once

#include "package.h"
#include "tree.h"

/* Fills p->debs with what the recipe asks of the distribution. */
int package_resolve_debian(struct package *p, struct error *err);
/* Puts all that the image holds into the tree. */
int package_fill(struct package *p, struct tree *t, struct error *err);
