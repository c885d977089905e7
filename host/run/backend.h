/* The back ends that LinuxKit's `run` names, and what those that are taken here mean: whichever it is, the machine runs
 * in QEMU. HyperKit and Virtualization.framework are those of macOS; their command lines mean on QEMU what they say. */
#pragma once

#include "error.h"
#include "options.h"

/* Whether this is one that is neither QEMU nor taken: an error (ENOTSUP). They have options of their own, so that this
 * is asked before the others are looked at. */
int backend_refuse(const char *word, struct error *err);
/* The one of that name; NULL: it is an image's name. */
const struct backend *backend_find(const char *word);
/* What the back end (NULL: none was named) has made of the options: its network, its disks. -1: an option of another
 * one's. */
int backend_settle(const struct backend *b, struct run_options *o, struct error *err);
