/* The parts of package.h. */
#pragma once

#include "package.h"
#include "tree.h"

/* Fills p->debs with what the recipe asks of the distribution. */
int package_resolve_debian(struct package *p, struct error *err);
/* Puts all that the image holds into the tree. */
int package_fill(struct package *p, struct tree *t, struct error *err);
/* Warns of links of the recipe that lead to nothing in the tree, where the package is run as a container. */
void package_check_links(const struct package *p, const struct tree *t);
