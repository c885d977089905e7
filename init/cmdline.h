/* Words of the kernel's command line, also before anybody has mounted /proc. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The value of NAME=VALUE. Of several the first counts: a boot loader, and whoever can speak to it, adds at the end.
 * false: there is none, or it does not fit. */
bool cmdline_value(const char *name, char *value, size_t size);
/* Whether there is one, of whatever length. */
bool cmdline_has(const char *name);
