/* Records: what keys a mapping may have and what their values are. The tables in fields.c are the only description of
 * LinuxKit's YAML in the program: checking, suggestions, defaults in dumps, OCI JSON and the JSON schema come from
 * them.
 *
 * Types are strict, as in LinuxKit: text that looks like a number must be quoted where text is wanted, `yes` is no
 * boolean, and no value may be left out ("key:" alone is an error). */
#pragma once

#include "node.h"

enum field_type {
	FIELD_STRING,
	FIELD_BOOL,
	FIELD_INT,     /* min to max; also written as a whole float (1e3) */
	FIELD_ID,      /* a number, or text: the name of a container */
	FIELD_CHOICE,  /* one of `choices` */
	FIELD_STRINGS, /* list of text */
	FIELD_IDS,     /* list of FIELD_ID */
	FIELD_TEXTS,   /* mapping of text to text */
	FIELD_RECORD,
	FIELD_RECORDS, /* list of records */
	FIELD_TYPES,
};

enum field_flags {
	FIELD_REQUIRED = 1 << 0,
	/* Checked, then forgotten: LinuxKit accepts the key and does nothing with it. */
	FIELD_DROPPED = 1 << 1,
	/* Accepted without effect, by intention. */
	FIELD_IGNORED = 1 << 2,
	/* An empty value ("", false, 0, an empty list or record) is the same as none when written out again. */
	FIELD_OMIT_EMPTY = 1 << 3,
	/* Written as empty value where there is none: in the YAML of `metadata: yaml` and --dry-run; in JSON. */
	FIELD_YAML_ALWAYS = 1 << 4,
	FIELD_JSON_ALWAYS = 1 << 5,
	/* A FIELD_INT in bytes: also a size such as 64M, which becomes the number. */
	FIELD_BYTES = 1 << 6,
};

struct field {
	const char *key;
	enum field_type type;
	unsigned flags;
	const struct record *record; /* of FIELD_RECORD and FIELD_RECORDS */
	const char *const *choices;  /* of FIELD_CHOICE, NULL-terminated */
	int64_t min;                 /* of FIELD_INT */
	uint64_t max;
	const char *json;    /* its name in OCI JSON and metadata: json; NULL: key */
	const char *yaml;    /* its name in metadata: yaml; NULL: key */
	const char *help;    /* one sentence, for editors */
	const char *example; /* a value, as in YAML */
};

/* A key that users know from elsewhere, and what is written in its place. */
struct key_elsewhere {
	const char *key; /* NULL ends a list */
	const char *instead;
};

struct record {
	const char *name; /* of the definition in the JSON schema */
	const struct field *fields;
	size_t count;
	bool partial; /* nothing is required */
	const struct key_elsewhere *elsewhere;
};

/* Checks a mapping against a record, and everything below it, and fills record and fields of every map that is one.
 * False when something was wrong: diags has it all then, and values of a wrong type are left out, so that what is there
 * can be checked further. */
bool schema_check(struct node *n, const struct record *record, const struct where *where, struct arena *arena,
		  struct diags *diags);

/* The same as LinuxKit reads a build.yml, into Go's types by gopkg.in/yaml.v3 and without a schema: a boolean is also
 * YAML 1.1's y, yes, on, n, no, off, in quotes as well; text is any scalar as it is written; a number without its
 * fraction; a key without a value is not there. Values of lists and mappings of text change their kind to NODE_STRING.
 */
bool schema_decode(struct node *n, const struct record *record, const struct where *where, struct arena *arena,
		   struct diags *diags);

/* The value of a field, NULL where it is absent (or dropped). n: a checked record or NULL. */
static inline const struct node *node_field(const struct node *n, size_t field)
{
	return n && n->fields ? n->fields[field] : NULL;
}

/* The text of a string field; NULL where absent. */
static inline const char *node_text(const struct node *n, size_t field)
{
	const struct node *v = node_field(n, field);

	return v ? v->text : NULL;
}

/* False where absent. */
static inline bool node_true(const struct node *n, size_t field)
{
	const struct node *v = node_field(n, field);

	return v && v->boolean;
}
