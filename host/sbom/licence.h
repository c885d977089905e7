/* Licences in the words of SPDX 2.3: an expression of the identifiers of its list (https://spdx.org/licenses/), of AND,
 * OR, WITH and parentheses, in which a name that the list has not is "LicenseRef-NAME". */
#pragma once

#include "found.h"

/* Licences that are not in SPDX's list: how an expression calls them, and what the package calls them. */
struct licence_refs {
	char **names; /* "LicenseRef-...", NULL-terminated; of one length with the texts */
	char **texts;
};
void licence_refs_clear(struct licence_refs *refs);

/* What a package says of its licence, in its distribution's words ("GPLv2+ and MIT"). *out is NULL when it says
 * nothing; the caller frees it. What cannot be taken apart is one licence without a place in the list. -1 without
 * memory. */
int licence_expression(struct slice text, struct licence_refs *refs, char **out);

/* Debian's usr/share/doc/PACKAGE/copyright: all licences of a machine-readable one
 * (https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/), or those of /usr/share/common-licenses that a
 * text names. *out as above. */
int copyright_expression(const char *text, size_t n, struct licence_refs *refs, char **out);
