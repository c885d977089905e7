/* The annotations that say how a container is run (org.pith.*): their values are checked when the image is built. Names
 * of org.pith.* that are not known are a warning: an image may hold programs that are newer than this one. */
#pragma once

#include "model.h"

/* Checks those of all containers, and that org.pith.after makes no circle. Problems go into c->diags. */
void annotations_check(struct config *c);
