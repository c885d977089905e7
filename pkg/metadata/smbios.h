/* The serial number of the machine in a table of SMBIOS structures (DMTF DSP0134 3.7, section 6.1: a structure is its
 * formatted part, then its strings with a NUL each, then one more NUL). */
#pragma once

#include <stddef.h>

/* Of the first system information (type 1); NULL: there is none. Caller frees. */
char *smbios_serial(const void *table, size_t n);
