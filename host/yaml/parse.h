/* YAML into nodes.
 *
 * The reading is that of the YAML library LinuxKit uses (a mixture of YAML 1.1 and 1.2): integers with a leading zero
 * are octal, underscores in numbers are dropped, 0x, 0o and 0b are known, `yes` and `no` are text, `true` and `false`
 * are not, an unknown tag makes a scalar text. Anchors, aliases and merge keys (`<<`) are resolved: a node that
 * was reached through an alias keeps the position of the anchored text. Only the first document is read.
 *
 * Refused, each with its position: duplicate keys, keys that are not text, aliases to an unknown or an enclosing
 * node, more than 100 levels, YAML_NODES nodes (aliases expanded) or YAML_BYTES bytes. */
#pragma once

#include "node.h"

/* Parses text (which must outlive the nodes, being what `file` points at). NULL when nothing usable came of it: the
 * reason is in diags then, unless there is no memory. */
struct node *yaml_parse(const struct text_file *file, struct arena *arena, struct diags *diags);
