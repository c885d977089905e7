/* Reads the YAML that `pith build` is given: files, standard input ("-") and URLs. */
#pragma once

#include <stdbool.h>

#include "buf.h"
#include "error.h"

/* At most YAML_BYTES. -1: it cannot be read; the error names it. */
int input_read(const char *name, struct buf *out, struct error *err);

/* It comes from a web server: it may be anybody's. */
bool input_is_url(const char *name);

/* What "@pkg:" paths of an input are relative to; NULL for those without a place. Caller frees. */
char *input_dir(const char *name);
