/* Reads TOML (https://toml.io/en/v1.0.0) line by line without building a tree, for flat configurations: values of three
 * types are understood, all others (floats, dates, arrays, inline tables) are checked for where they end and passed
 * over. Keys that occur twice and tables that are opened twice are left to the caller. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

enum { TOML_DEPTH = 32 }; /* arrays and tables inside each other */

enum toml_type {
	TOML_STRING,
	TOML_INTEGER,
	TOML_BOOLEAN,
	TOML_OTHER,
};

struct toml {
	const char *at, *end; /* the text has to stay */
	unsigned line;
	char *table; /* "name." of the header above, NULL before the first */
};

struct toml_entry {
	char *key; /* its parts with dots between, those of the table first */
	unsigned line;
	enum toml_type type;
	char *text; /* of a string, without the byte 0 */
	int64_t number;
	bool on;
};

#define _cleanup_toml_ _cleanup_(toml_clear)
struct toml toml_begin(const char *text, size_t n);
void toml_clear(struct toml *t);

#define _cleanup_toml_entry_ _cleanup_(toml_entry_clear)
void toml_entry_clear(struct toml_entry *e);

/* The next `key = value`; whatever *e held is freed. 1: there is one; 0: that was all; -1: the error names the line,
 * and nothing more can be read. */
int toml_next(struct toml *t, struct toml_entry *e, struct error *err);
