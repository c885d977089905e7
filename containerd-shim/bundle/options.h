/* The options of a task, in the forms in which containerd hands them over: its own message for runc
 * (containerd.runc.v1.Options), and for a runtime of any other name a message with a table of its configuration as
 * TOML, or the path of a file with such a table (runtimeoptions.v1.Options). Clients before 2.0 send a third message
 * for such a runtime (containerd.linux.runc.CreateOptions).
 *
 * The table's keys are those of containerd's configuration for runc: BinaryName, Root, SystemdCgroup and so on, in any
 * case. As there, keys that are not known are no error. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "any.pb-c.h"
#include "error.h"
#include "runc_options.pb-c.h"

typedef Containerd__Runc__V1__Options runc_options;

#define _cleanup_runc_options_ _cleanup_(runc_options_free)
void runc_options_free(runc_options **o);

/* Whether the message is one of them. */
bool options_are_known(const Google__Protobuf__Any *any);

/* NULL, or an empty one: the defaults. Reads the file where there is a path. The names of unknown keys are added to
 * *unknown (NULL: they are of no interest). NULL: the error says why. Caller frees. */
runc_options *options_read(const Google__Protobuf__Any *any, char ***unknown, struct error *err);

/* The table alone. */
runc_options *options_parse(const char *text, size_t n, char ***unknown, struct error *err);
