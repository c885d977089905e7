/* Shared by the files that know licences: licence.c reads expressions, copyright.c Debian's files, licence_names.c has
 * the tables for both. */
#pragma once

#include "licence.h"

/* SPDX's identifier of a licence that its list or a distribution calls so, NULL when there is none. */
const char *licence_id(const char *name);
/* An exception of SPDX's list, which stands behind WITH. */
bool licence_exception(const char *name);
