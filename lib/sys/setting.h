/* Files of kernel settings, one a line: those of sysctl.d ("net.ipv4.ip_forward = 1") for /proc/sys, and those of
 * sysfs.d ("kernel/mm/ksm/run = 1") for /sys. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "error.h"

struct setting {
	char path[512];   /* below /proc/sys or /sys: "net/ipv4/ip_forward" */
	char value[4096]; /* everything behind the first '=', also further ones */
	bool optional;    /* a '-' stood in front: errors do not matter */
};

/* How the parts of a name are separated. */
enum setting_names {
	/* Dots separate, and slashes stand for dots; where the first of the two is a slash the others are as they
	 * stand, so that "net/ipv4/conf/eth0.1/rp_filter" and "net.ipv4.conf.eth0/1.rp_filter" are the same. */
	SETTING_DOTS,
	SETTING_SLASHES, /* a path as it is */
};

/* Parses one line of n bytes. 1: a setting. 0: an empty line or a comment ('#' or ';'). -1: neither, or too long.
 * ".." is refused, and so is a name with nothing between two separators. */
int setting_parse(const char *line, size_t n, enum setting_names names, struct setting *out, struct error *err);

/* Told of each line that is wrong, or could not be written, with the file's name. */
typedef void setting_failed_fn(const char *file, const struct error *err);

/* Writes the settings of all files of the folder `config`, in the order of their names, below `root`. A failed one does
 * not keep the others from being written. Returns how many have failed, or -1: the folder or one of its files cannot be
 * read, and what comes after it was left out. */
int settings_apply(const char *config, const char *root, enum setting_names names, setting_failed_fn *failed,
		   struct error *err);
