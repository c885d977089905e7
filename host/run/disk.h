/* Disks of the machine: `--disk [file=]PATH[,size=1G][,format=qcow2|raw][,bus=virtio|sata]`. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "error.h"

struct disk {
	char *path;    /* NULL: made in the state directory */
	char *format;  /* "qcow2", "raw" or another that QEMU knows; NULL: found by looking */
	uint64_t size; /* bytes; 0: the file must be there */
	bool sata;     /* instead of virtio */
	bool readonly;
	bool made; /* disk_prepare() created the file */
};

/* Parses one option's value; a size without unit is in GiB. disk_clear() frees what it filled, also on failure. */
int disk_parse(const char *text, struct disk *out, struct error *err);
void disk_clear(struct disk *d);

/* Creates the file where it is missing and a size is given, and finds out the format of one that is there. `index`
 * numbers the default name "disk.img", "disk1.img", ... in `state`. */
int disk_prepare(struct disk *d, const char *state, unsigned index, struct error *err);

/* The format that an image is in, by its first bytes: QEMU warns about, and guards, images whose format it had to guess
 * itself. *format is replaced; the caller frees it. */
int disk_format(const char *path, char **format, struct error *err);

/* Removes the file if disk_prepare() created it. */
void disk_undo(const struct disk *d);
