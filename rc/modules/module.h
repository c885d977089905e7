/* Loading kernel modules in process, by name or by the alias of a device, with what they depend on. */
#pragma once

#include <stdbool.h>

#include "error.h"

struct modules;

/* The modules of the running kernel (/lib/modules/RELEASE), or those in `directory`. NULL: err->code is ENOENT when
 * there are none at all, as with a kernel that has everything built in. Configuration is read from /etc/modprobe.d and
 * the kernel command line. */
struct modules *modules_open(const char *directory, struct error *err);
void modules_free(struct modules *m);
static inline void cleanup_modules(struct modules **m)
{
	modules_free(*m);
}
#define _cleanup_modules_ _cleanup_(cleanup_modules)

/* One more parameter ("name=value") for a module, by its name, when it is loaded. Behind those of the configuration:
 * the kernel takes the last. */
int modules_option(struct modules *m, const char *name, const char *option, struct error *err);

/* Loads a module by name, or all that an alias (such as a device's modalias, or "fs-ext4") stands for, those on the
 * blacklist left out. Fine if it is there already or built in. err->code: ENOENT when nobody knows the name. */
int modules_load(struct modules *m, const char *name, struct error *err);

/* Whether there is any module that could be loaded: not with everything built in. */
bool modules_any(const struct modules *m);
