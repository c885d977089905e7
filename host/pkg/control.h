/* Debian's control data (deb822 stanzas), as `apt-cache show` prints it. */
#pragma once

#include <stddef.h>

#include "buf.h"
#include "error.h"

struct control {
	char *name, *version, *arch, *sha256;
	char *source, *maintainer; /* as they are, perhaps NULL */
	char **depends; /* first alternatives of Depends and Pre-Depends, without versions and architectures */
	unsigned long long size;
};

/* Parses the first stanza of n bytes. Returns how many bytes it took (to call again with the rest), 0 when there is
 * none left, -1 when a stanza lacks a field or has one that makes no sense. control_clear() frees. */
long control_parse(const char *text, size_t n, struct control *out, struct error *err);
void control_clear(struct control *c);

/* What names the package, as lines of a stanza: Package, Source, Version, Architecture, Maintainer. */
int control_write(const struct control *c, struct buf *out);
