/* Checks of a whole configuration. */
#pragma once

#include "model.h"

/* Checks what needs all files: names, volumes, owners, annotations. False when c->diags has errors. */
bool config_check(struct config *c);
