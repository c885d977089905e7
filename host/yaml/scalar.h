/* What a scalar is: text, a number, a boolean, nothing. */
#pragma once

#include "node.h"

/* Sets kind and value of a scalar from its text. tag: NULL, or as written in full ("tag:yaml.org,2002:int").
 * NULL, or why the text does not fit the tag. */
const char *scalar_resolve(struct node *n, const char *tag, struct arena *arena);
