/* Which files of the host a package takes.
 *
 * A build.yml may come from anybody, and what it names ends in an image that is pushed. Its sources stay below the
 * package's folder, links followed, or below what its extra-sources names, as LinuxKit's builds have it; anything else
 * has to be allowed by whoever builds it. Names are resolved on the host before they are compared, so that neither ".."
 * nor a link in the folder leads out. */
#pragma once

#include "recipe.h"

/* Finds what the package may take. allowed: further paths of the host, NULL-terminated; NULL: none. A path there that
 * does not exist is an error.
 * arch: the architecture that the image is for, where that is not this machine's, else NULL. What an extra source
 * PLACE/NAME has is then taken from PLACE/ARCH/NAME, where there is such a folder: what was built for this machine and
 * for others lies side by side. */
int sources_allow(struct recipe *r, char *const *allowed, const char *arch, struct error *err);

/* An error where a file that is taken from an extra source is a program of this machine, and the image is for the other
 * architecture `arch`. real: as source_find() has it. */
int sources_check_program(const struct recipe *r, const char *real, const char *arch, struct error *err);

/* Checks all sources; what leads out goes into r->diags, with what to do about it. False then. */
bool sources_check(struct recipe *r);

/* The host's path of a source, links resolved; NULL with an error where it leads out or does not exist. Caller frees.
 */
char *source_find(const struct recipe *r, const char *source, struct error *err);

/* The extra-sources that something is taken from, with commas; "" for none. Caller frees; NULL without memory. */
char *sources_outside(const struct recipe *r);

/* All extra-sources from outside of the folder, likewise: a Dockerfile's build is given them all. */
char *sources_all_extra(const struct recipe *r);

/* A path is the root or below it; both without links, "." and "..". */
bool path_is_below(const char *path, const char *root);
