/* What the check of nodes shares. schema.c checks; it calls schema_decode.c before and schema_hint.c where a value is
 * of the wrong type. */
#pragma once

#include "schema.h"

struct checker {
	struct arena *arena;
	struct diags *diags;
	bool good;
	bool lax; /* schema_decode() */
};

/* Reports that a value is not of the type that its field wants; false. */
bool schema_refuse(struct checker *c, const struct node *n, const struct field *f, enum field_type type,
		   const struct where *where);

/* Any scalar is text as it is written. */
void decode_text(struct node *n);
/* What a decoder makes of a value where it wants this type. */
void value_decode(struct node *n, enum field_type type);
