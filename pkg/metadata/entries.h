/* Userdata that is JSON: a tree of files and directories, as LinuxKit's metadata package has it.
 *
 *   { "NAME": { "perm": "0600", "content": "text" }, "DIRECTORY": { "entries": { "NAME": { ... } } } }
 *
 * An entry has either content or entries; perm is 0644 for files and 0755 for directories unless it says. */
#pragma once

#include <stddef.h>

#include "sink.h"

/* Whether it is a JSON object: only then anything goes to the sink. 0: it is not, the error says where it ceases to be.
 * 1: all entries but the refused ones are written; -1: the sink failed in a way that ends it (no memory). */
int entries_read(const char *text, size_t n, const struct sink *sink, struct error *err);
