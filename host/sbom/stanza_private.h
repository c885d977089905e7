/* Texts of lines, as dpkg and apk write their databases. */
#pragma once

#include "found.h"

/* Takes the next line off the front, without its newline. False at the end. */
bool line_next(struct slice *rest, struct slice *line);
/* Without blanks at both ends. */
struct slice slice_trim(struct slice s);
/* A package that is complete, or an error that says what it lacks: passed on to fn. */
int found_tell(const struct found_package *p, found_fn *fn, void *data, struct error *err);
