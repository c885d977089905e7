/* A configuration, and records of it, as text. */
#pragma once

#include "jsonw.h"
#include "model.h"

/* The whole configuration written out again. metadata: as LinuxKit's `metadata: yaml` has it, with image names expanded
 * and its spelling of keys without effect; else as it was written, to be read again. config_json() is LinuxKit's
 * `metadata: json`. Caller frees; NULL without memory. */
char *config_yaml(const struct config *c, bool metadata, size_t *len);
char *config_json(const struct config *c, size_t *len);

/* A checked record as Go's encoding/json writes LinuxKit's and the OCI types: which absent and empty fields appear is
 * in the record's table. n NULL: a record without any field set. */
void node_json(struct jsonw *w, const char *key, const struct node *n, const struct record *record);
