/* The parts of package.h. */
#pragma once

#include "package_build.h"
#include "tree.h"

/* Fills p->debs with what the recipe asks of the distribution. */
int package_resolve_debian(struct package *p, struct error *err);
/* The architecture that it is for, where that is not this machine's; else NULL. */
const char *package_foreign(const struct package *p);
/* Puts all that the image holds into the tree. */
int package_fill(struct package *p, struct tree *t, struct error *err);
/* Puts the list of the Debian packages that the tree has files of into it. */
int package_add_status(const struct package *p, struct tree *t, struct error *err);
/* Warns of links of the recipe that lead to nothing in the tree, where the package is run as a container. */
void package_check_links(const struct package *p, const struct tree *t);

/* The value of label org.mobyproject.config; NULL without memory. Caller frees. */
char *package_config_label(const struct package *p);
/* The image that the package's Dockerfile makes, without a name. */
int package_build_dockerfile(struct package *p, struct store *store, const struct package_building *how,
			     struct oci_descriptor *manifest, struct error *err);
