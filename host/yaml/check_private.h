/* The parts of config_check(). */
#pragma once

#include "model.h"

/* Checks the annotations that say how a container is run (org.pith.*), of all containers, and that org.pith.after makes
 * no circle. Names of org.pith.* that are not known are a warning: an image may hold programs that are newer than this
 * one. Problems go into c->diags. */
void annotations_check(struct config *c);
