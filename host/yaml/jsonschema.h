/* The tables as a JSON schema, for editors. */
#pragma once

/* The JSON schema (draft 7) of a whole file, as text. Caller frees; NULL without memory. */
char *schema_json(void);
