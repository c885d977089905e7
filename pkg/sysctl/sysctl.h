/* Lines of sysctl.d files: "net.ipv4.ip_forward = 1". */
#pragma once

#include <stddef.h>

#include "error.h"

/* Parses one line of n bytes. 1: a setting: its path below /proc/sys ("net/ipv4/ip_forward") into path, the value into
 * value, both NUL-terminated. 0: an empty line or a comment ('#' or ';'). -1: neither, or too long.
 *
 * Dots separate the parts of a name and slashes stand for themselves; where the first of the two is a slash the others
 * are as they stand, so that "net/ipv4/conf/eth0.1/rp_filter" and "net.ipv4.conf.eth0/1.rp_filter" are the same. A
 * leading '-' (errors do not matter) is taken off and reported. ".." is refused, and so is a name with nothing between
 * two dots. */
int sysctl_parse(const char *line, size_t n, char *path, size_t path_size, char *value, size_t value_size,
		 int *optional, struct error *err);
